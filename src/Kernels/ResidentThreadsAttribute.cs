// How many threads of a kernel a multiprocessor is to have room for.
namespace FlGpu.Kernels;

/// <summary>
/// Keeps the device's compiler from giving a kernel's threads more registers than <paramref name="count"/> of them can have at once: 65,536 divided by
/// that. Without it a kernel in groups of 1,024 that was given more could not be launched at all.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ResidentThreadsAttribute(int count) : Attribute
{
    /// <summary>The most threads of a group, and the fewest that fit a multiprocessor.</summary>
    public int Count { get; } = count;
}
