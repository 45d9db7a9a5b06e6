// Timings of a Debug build mislead, so it refuses to take any.
using System.Diagnostics;
using System.Reflection;
using FlGpu.Kernels;

namespace FlGpu.Harness.CommandLine;

internal static class DebugBuild
{
    /// <summary>Throws in a build whose code is not optimised.</summary>
    public static void Refuse(string command)
    {
        if (typeof(Backend).Assembly.GetCustomAttribute<DebuggableAttribute>() is { IsJITOptimizerDisabled: true })
        {
            throw new InputException($"{command} takes timings and this is a Debug build; run it with -c Release");
        }
    }
}
