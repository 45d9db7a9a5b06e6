#if ILGPU
// Every kernel compiles to PTX, without a GPU, and is free of what ILGPU 1.5.3 is known to get wrong.
using System.Reflection;
using System.Text.RegularExpressions;
using FlGpu.Kernels;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;

namespace FlGpu.Kernels.Tests;

public sealed partial class PtxTests
{
    private const int StaticSharedBytes = 48 * 1024;

    public static TheoryData<string, CudaArchitecture> Kernels
    {
        get
        {
            var data = new TheoryData<string, CudaArchitecture>();
            foreach (MethodInfo kernel in All())
            {
                data.Add(NameOf(kernel), CudaArchitecture.SM_80);
                data.Add(NameOf(kernel), CudaArchitecture.SM_90);
            }

            return data;
        }
    }

    [Fact]
    public void Every_operation_has_a_kernel()
    {
        // The median and the trimmed mean share one.
        HashSet<string> owners = [.. All().Select(kernel => kernel.DeclaringType!.Name)];
        Assert.Superset(new HashSet<string> { "WeightedSum", "RankMean", "PairwiseSquaredDistances", "RowNorms", "ScaleRows", "AddGaussianNoise", "TrainClients", "Evaluate" }, owners);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_compiles_to_clean_ptx(string name, CudaArchitecture architecture)
    {
        MethodInfo kernel = All().Single(method => NameOf(method) == name);
        using Context context = Context.Create(builder => builder.EnableAlgorithms().Optimize(DeviceRuntime.Optimization));
        using var backend = new PTXBackend(context, architecture, CudaInstructionSet.ISA_80, null!);
        var compiled = (PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), default);
        string[] lines = [.. compiled.PTXAssembly.Split('\n').Select(line => line.Trim())];
        HashSet<string> defined = [.. Definition().Matches(compiled.PTXAssembly).Where(match => !match.Groups[1].Success).Select(match => match.Groups[2].Value)];

        Assert.DoesNotContain(lines, line => ConditionalUniformBranch().IsMatch(line));
        Assert.DoesNotContain(lines, line => Call().Match(line) is { Success: true } call && !defined.Contains(call.Groups[1].Value));
        Assert.DoesNotContain(lines, line => line.Contains("copysign", StringComparison.Ordinal) || line.Contains("tanh.approx", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => FloatAtomic().IsMatch(line));
        Assert.All(lines.Select(line => SharedArray().Match(line)).Where(match => match.Success), match => Assert.InRange(int.Parse(match.Groups[1].Value), 1, StaticSharedBytes));
    }

    /// <summary>The methods that operations launch: private, static, without a result, with a view among their parameters.</summary>
    private static IEnumerable<MethodInfo> All() =>
        typeof(IOperation).Assembly.GetTypes()
            .Where(type => type.IsValueType && type.GetMethod("Gpu") is not null)
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(method => method.ReturnType == typeof(void) && method.GetParameters().Length > 1 && method.GetParameters().All(p => p.ParameterType.IsValueType)
                && method.GetParameters()[^1].ParameterType is { } last && (last.IsGenericType || last.IsPrimitive)
                && method.Name is not "Add");

    private static string NameOf(MethodInfo kernel) => $"{kernel.DeclaringType!.Name}.{kernel.Name}";

    [GeneratedRegex(@"(\.extern\s+)?\.(?:entry|func)\s+(?:\([^)]*\)\s*)?([A-Za-z_$][\w$]*)")]
    private static partial Regex Definition();

    [GeneratedRegex(@"^@!?%p\d+\s+bra\.uni|brx\.idx\.uni")]
    private static partial Regex ConditionalUniformBranch();

    [GeneratedRegex(@"^call(?:\.uni)?\s+(?:\([^)]*\),\s*)?([A-Za-z_$][\w$]*)")]
    private static partial Regex Call();

    [GeneratedRegex(@"^(red|atom)\..*\.f(32|64)")]
    private static partial Regex FloatAtomic();

    [GeneratedRegex(@"^\.shared.*\[(\d+)\]")]
    private static partial Regex SharedArray();
}
#endif
