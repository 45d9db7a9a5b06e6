// One line of help on a type or a parameter, read by `flgpu list`, by the command line and by error messages.
namespace FlGpu.Kernels;

/// <summary>Says in one line what something is.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Parameter)]
public sealed class AboutAttribute(string text) : Attribute
{
    /// <summary>The line.</summary>
    public string Text { get; } = text;

    /// <summary>Where it was published; empty when it is common knowledge.</summary>
    public string Paper { get; init; } = "";

    /// <summary>The name in options and CSVs; empty for the type's own name in snake case.</summary>
    public string Name { get; init; } = "";
}
