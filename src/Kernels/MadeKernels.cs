// Kernels that are made at run time, each for one shape: once a process, whatever backends are opened, so that each is compiled once for a device.
using System.Collections.Concurrent;
using System.Reflection;

namespace FlGpu.Kernels;

/// <summary>What a made kernel is for; <paramref name="First"/> and <paramref name="Last"/> are ranks, where they matter.</summary>
internal readonly record struct KernelShape(Type Maker, int Rows, int First = 0, int Last = 0);

/// <summary>
/// Remembers what was made of every shape. A kernel says nothing of the device that it will be compiled for, so that all backends share
/// them; they are made under a lock of their own each, in case backends on several threads want the same one.
/// </summary>
internal static class MadeKernels
{
    private static readonly ConcurrentDictionary<KernelShape, Lazy<Delegate>> s_kernels = new();

    /// <summary>The kernel of a shape, made now if it never was.</summary>
    public static TKernel Of<TKernel>(KernelShape shape, Func<KernelShape, TKernel> make) where TKernel : Delegate =>
        (TKernel)s_kernels.GetOrAdd(shape, static (shape, make) => new(() => make(shape)), make).Value;

    /// <summary>The only generic kernel of <paramref name="maker"/>, for threads with so many rows in registers.</summary>
    public static TKernel OfRows<TKernel>(Type maker, int rows) where TKernel : Delegate =>
        Of(new(maker, rows), static shape =>
            shape.Maker.GetMethods(BindingFlags.Static | BindingFlags.NonPublic).Single(method => method.IsGenericMethod && method.Name.EndsWith("Kernel", StringComparison.Ordinal))
                .MakeGenericMethod(ThreadRows.Type(shape.Rows)).CreateDelegate<TKernel>());
}
