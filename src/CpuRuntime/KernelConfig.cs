// How many groups a launch has, and how many threads a group.
namespace FlGpu.CpuRuntime;

/// <summary>A one-dimensional launch of <paramref name="GridDim"/> groups of <paramref name="GroupDim"/> threads.</summary>
public readonly record struct KernelConfig(int GridDim, int GroupDim);
