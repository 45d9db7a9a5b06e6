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

    // More than any group's registers hold.
    private const int PanelRows = 1025;

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

    /// <summary>Those of models are not among them: their 32-bit products are places within a batch, which they add to 64-bit ones.</summary>
    public static TheoryData<string, CudaArchitecture> KernelsOfUpdates
    {
        get
        {
            string[] models = [nameof(TrainClients), nameof(Evaluate), nameof(Logits), nameof(GroupCnn), nameof(MlpEvaluation), nameof(SharedMlpTraining), nameof(TiledMlpTraining)];
            var data = new TheoryData<string, CudaArchitecture>();
            foreach (string name in All().Select(NameOf).Where(name => !models.Contains(name.Split('.')[0])))
            {
                data.Add(name, CudaArchitecture.SM_80);
                data.Add(name, CudaArchitecture.SM_90);
            }

            return data;
        }
    }

    public static TheoryData<int, int, int, CudaArchitecture> Networks
    {
        get
        {
            var data = new TheoryData<int, int, int, CudaArchitecture>();
            foreach (CudaArchitecture architecture in (CudaArchitecture[])[CudaArchitecture.SM_80, CudaArchitecture.SM_90])
            {
                foreach (int rows in (int[])[1, 2, 10, 33, 100, ColumnNetworkKernel.MostRows])
                {
                    data.Add(rows, (rows - 1) / 2, rows / 2, architecture);
                    data.Add(rows, rows / 5, rows - 1 - (rows / 5), architecture);
                }
            }

            return data;
        }
    }

    /// <summary>What threads have of 129 to 1,024 rows: 17 to 32. Of fewer, as Krum's scores may have, they have any number.</summary>
    public static TheoryData<int, CudaArchitecture> RowsOfThreads
    {
        get
        {
            var data = new TheoryData<int, CudaArchitecture>();
            foreach (CudaArchitecture architecture in (CudaArchitecture[])[CudaArchitecture.SM_80, CudaArchitecture.SM_90])
            {
                foreach (int rows in (int[])[1, 2, 3, 7, 16, 17, 18, 20, 27, 31, 32])
                {
                    data.Add(rows, architecture);
                }
            }

            return data;
        }
    }

    [Fact]
    public void Every_kernel_that_an_operation_launches_is_among_those_compiled_here()
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize: 1);
        foreach (OperationListing operation in Operations.All)
        {
            // Few clients, so many that they no longer fit one thread, and so many that they no longer fit one group; then models for each size of
            // shared memory and one that fits none.
            foreach ((int clients, int parameters) in
                ((int, int)[])[(3, 3), (ColumnNetworkKernel.MostRows + 1, 3), (PanelRows, 3), (2, 2_762), (2, 3_450), (2, 7_000)])
            {
                using Prepared prepared = operation.Prepare(cpu, clients, parameters, RngKey.FromSeed(1));
                prepared.Run();
            }
        }

        // Those that are made for a number of rows have tests of their own.
        string[] launched = [.. cpu.Runtime.Launched.Where(kernel => kernel.DeclaringType!.Assembly == typeof(IOperation).Assembly && !IsOfThreadRows(kernel)).Select(NameOf)];
        Assert.NotEmpty(launched);
        Assert.Equal(4, launched.Count(name => name.Contains("MlpTraining.", StringComparison.Ordinal)));
        Assert.Empty(launched.Except(All().Select(NameOf)));
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_compiles_to_clean_ptx(string name, CudaArchitecture architecture) =>
        // Once a tile, not within its loop, what tensor cores leave is read through local memory: a test of its own says so.
        AssertClean(Compile(Named(name), architecture), mayUseLocalMemory: name == "TensorTiles.ProductKernel");

    [Theory]
    [MemberData(nameof(Networks))]
    public void An_emitted_network_compiles_to_clean_ptx_in_registers_alone(int rows, int first, int last, CudaArchitecture architecture)
    {
        string ptx = Compile(ColumnNetworkKernel.Of(rows, first, last).Method, architecture);
        string[] lines = Lines(ptx);
        AssertClean(ptx);
        Assert.DoesNotContain(lines, line => line.StartsWith("call", StringComparison.Ordinal));
        int firstComparison = Array.FindIndex(lines, line => Comparison().IsMatch(line));
        int lastLoad = Array.FindLastIndex(lines, line => Load().IsMatch(line));
        Assert.Equal(rows, lines.Count(line => Load().IsMatch(line)));
        Assert.True(firstComparison < 0 || lastLoad < firstComparison, "a load comes after the first comparison");
        // As many as the pruned network has, and none that nobody needs.
        SortingNetwork network = SortingNetwork.ForRanks(rows, first, last);
        Assert.Equal(network.Steps.Sum(step => (step.NeedsLow ? 1 : 0) + (step.NeedsHigh ? 1 : 0)), lines.Count(line => Comparison().IsMatch(line)));
    }

    [Theory]
    [InlineData("WeightedSum.Kernel<Float4>", 9, 1)]
    [InlineData("RowMix.Kernel<Float4>", 2, 8)]
    [InlineData("ColumnMoments.Kernel<Float4, FourSums>", 10, 2)]
    [InlineData("SignSums.Kernel<Float4>", 9, 1)]
    [InlineData("Signs.Kernel<Float4>", 1, 1)]
    [InlineData("BeyondRange.Kernel<Float4, FourRanges>", 10, 1)]
    [InlineData("AddGaussianNoise.Kernel<Float4, FourNormals>", 4, 4)]
    [InlineData("KeepSmall.Kernel<Float4>", 2, 2)]
    [InlineData("SignShares.Kernel<Float4>", 5, 0)]
    [InlineData("RowNorms.Kernel", 5, 0)]
    [InlineData("DistancesToVector.Kernel", 10, 0)]
    [InlineData("InnerProducts.Kernel", 10, 0)]
    [InlineData("ScaleRows.Kernel<Float4>", 5, 5)]
    [InlineData("GatherRows.Kernel<Float4>", 5, 5)]
    [InlineData("GatherColumns.Kernel<Float4>", 0, 5)]
    [InlineData("BlendRows.Kernel<Float4>", 15, 10)]
    [InlineData("AddClippedRows.Kernel<Float4>", 15, 10)]
    [InlineData("Fill.Kernel<Float4>", 0, 1)]
    [InlineData("PairTiles.DifferenceKernel", 10, 0)]
    [InlineData("PairTiles.ProductKernel", 10, 0)]
    [InlineData("TensorTiles.ProductKernel", 10, 0)]
    public void Updates_whose_rows_are_aligned_are_read_and_written_sixteen_bytes_at_a_time(string name, int loads, int stores)
    {
        string[] lines = Lines(Compile(Named(name), CudaArchitecture.SM_90));
        Assert.Equal(loads, lines.Count(line => QuadLoad().IsMatch(line)));
        Assert.Equal(stores, lines.Count(line => QuadStore().IsMatch(line)));
    }

    [Fact]
    public void Sums_on_tensor_cores_stay_in_registers_that_are_declared_before_their_use()
    {
        string[] lines = Lines(Compile(((Delegate)TensorTiles.ProductKernel).Method, CudaArchitecture.SM_90));
        int declared = Array.FindIndex(lines, line => line.StartsWith(".reg .f32 acc<16>;", StringComparison.Ordinal));
        Assert.InRange(declared, 0, Array.FindIndex(lines, line => line.Contains("acc0", StringComparison.Ordinal)) - 1);
        // Four fragments, three products of halves each, and from the first of them to the last nothing that goes through local memory.
        string[] multiplications = [.. lines.Where(line => line.StartsWith("mma.", StringComparison.Ordinal))];
        Assert.Equal(12, multiplications.Length);
        Assert.All(multiplications, line => Assert.Matches(Multiplication(), line));
        int first = Array.IndexOf(lines, multiplications[0]);
        int last = Array.IndexOf(lines, multiplications[^1]);
        Assert.DoesNotContain(lines[first..last], line => line.Contains(".local", StringComparison.Ordinal));
    }

    /// <summary>10,000 updates of a million parameters have more elements than a 32-bit number counts, and 50,000 clients more pairs.</summary>
    [Theory]
    [MemberData(nameof(KernelsOfUpdates))]
    public void Numbers_of_clients_and_of_parameters_are_multiplied_in_64_bits(string name, CudaArchitecture architecture)
    {
        string[] lines = Lines(Compile(Named(name), architecture));
        HashSet<string> lengths = [];
        foreach (Match definition in lines.Select(line => Length().Match(line)).Where(match => match.Success))
        {
            // A parameter, a 64-bit number cut to 32 bits, or a copy of one.
            if (!definition.Groups[1].Value.StartsWith("mov", StringComparison.Ordinal) || lengths.Contains(definition.Groups[3].Value))
            {
                lengths.Add(definition.Groups[2].Value);
            }
        }

        Assert.DoesNotContain(lines, line => ShortProduct().Match(line) is { Success: true } product && product.Groups[1].Captures.Any(factor => lengths.Contains(factor.Value)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(33)]
    [InlineData(ColumnNetworkKernel.MostRows)]
    public void An_emitted_kernel_of_distances_compiles_to_clean_ptx_in_registers_alone(int rows)
    {
        string ptx = Compile(ColumnDistanceKernel.Of(rows).Method, CudaArchitecture.SM_90);
        AssertClean(ptx);
        Assert.DoesNotContain(Lines(ptx), line => line.Contains(".local", StringComparison.Ordinal) || line.StartsWith("call", StringComparison.Ordinal));
        // The loop over the columns and the one over the bits: nothing else jumps back or forth.
        Assert.Equal(2, Lines(ptx).Count(line => line.StartsWith('@')));
        // Each value twice, and the center.
        Assert.Equal((2 * rows) + 1, Lines(ptx).Count(line => Load().IsMatch(line)));
    }

    [Theory]
    [MemberData(nameof(RowsOfThreads))]
    public void A_kernel_with_rows_in_registers_loads_them_all_before_it_looks_at_one(int rows, CudaArchitecture architecture)
    {
        string ptx = Compile(PanelRankMean.RegisterKernel(rows).Method, architecture);
        string[] lines = Lines(ptx);
        AssertClean(ptx);
        Assert.DoesNotContain(lines, line => line.StartsWith("call", StringComparison.Ordinal));
        int[] loads = [.. Enumerable.Range(0, lines.Length).Where(i => Load().IsMatch(lines[i]))];
        Assert.Equal(rows, loads.Length);
        // Between the first load and the last are addresses and no use; all come before the first barrier and before any key is counted.
        string[] loaded = [.. loads.Select(i => LoadedValue().Match(lines[i]).Groups[1].Value)];
        Assert.DoesNotContain(lines[loads[0]..loads[^1]], line => !Load().IsMatch(line) && loaded.Any(value => Regex.IsMatch(line, $@"{value}\b")));
        Assert.InRange(loads[^1], 0, Array.FindIndex(lines, line => line.StartsWith("bar", StringComparison.Ordinal)));
        // Each row is counted by its first digit, by both ends' next ones, and listed.
        Assert.Equal(4 * rows, lines.Count(line => IntegerAtomic().IsMatch(line)));
        // So many threads of a group the driver must find registers for: 64 each.
        Assert.Contains(lines, line => line.StartsWith(".maxntid 1024", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(RowsOfThreads))]
    public void A_kernel_with_listed_rows_in_registers_loads_each_once(int rows, CudaArchitecture architecture)
    {
        string ptx = Compile(PanelMeanAroundCenter.RegisterKernel(rows).Method, architecture);
        string[] lines = Lines(ptx);
        AssertClean(ptx);
        Assert.DoesNotContain(lines, line => line.StartsWith("call", StringComparison.Ordinal));
        // The rows and the center; then, where some rows tie for the last places, the rows once more in a loop.
        int barrier = Array.FindIndex(lines, line => line.StartsWith("bar", StringComparison.Ordinal));
        Assert.Equal(rows + 1, lines[..barrier].Count(line => Load().IsMatch(line)));
        Assert.Equal(1, lines[barrier..].Count(line => Load().IsMatch(line)));
        Assert.Contains(lines, line => line.StartsWith(".maxntid 1024", StringComparison.Ordinal));
    }

    private static string Compile(MethodInfo kernel, CudaArchitecture architecture)
    {
        using Context context = Context.Create(builder => builder.EnableAlgorithms().Optimize(DeviceRuntime.Optimization));
        using var backend = new PTXBackend(context, architecture, CudaInstructionSet.ISA_80, null!);
        var compiled = (PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), LentDevice.Limits(kernel));
        LentDevice.LetBranchesDiverge(compiled);
        string ptx = compiled.PTXAssembly;
        // For ptxas and for reading: FLGPU_PTX_FOLDER=DIR dotnet test --filter PtxTests.
        if (Environment.GetEnvironmentVariable("FLGPU_PTX_FOLDER") is { Length: > 0 } folder)
        {
            File.WriteAllText(Path.Combine(folder, $"{NameOf(kernel)}.{architecture}.ptx"), ptx);
        }

        return ptx;
    }

    private static string[] Lines(string ptx) => [.. ptx.Split('\n').Select(line => line.Trim())];

    private static void AssertClean(string ptx, bool mayUseLocalMemory = false)
    {
        string[] lines = Lines(ptx);
        HashSet<string> defined = [.. Definition().Matches(ptx).Where(match => !match.Groups[1].Success).Select(match => match.Groups[2].Value)];

        Assert.DoesNotContain(lines, line => !mayUseLocalMemory && line.Contains(".local", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => ConditionalUniformBranch().IsMatch(line));
        Assert.DoesNotContain(lines, line => Call().Match(line) is { Success: true } call && !defined.Contains(call.Groups[1].Value));
        Assert.DoesNotContain(lines, line => UntypedMove().IsMatch(line));
        Assert.DoesNotContain(lines, line => line.Contains("copysign", StringComparison.Ordinal) || line.Contains("tanh.approx", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => FloatAtomic().IsMatch(line));
        // Each array on its own and all of a kernel together: the driver refuses more.
        Assert.InRange(lines.Select(line => SharedArray().Match(line)).Where(match => match.Success).Sum(match => int.Parse(match.Groups[1].Value)), 0, StaticSharedBytes);
    }

    /// <summary>The methods that operations launch are the static ones whose names end in Kernel; a generic one is as many as there are types that fit it.</summary>
    private static IEnumerable<MethodInfo> All() =>
        Types.SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(method => method.ReturnType == typeof(void) && method.Name.EndsWith("Kernel", StringComparison.Ordinal))
            .SelectMany(method => method.IsGenericMethodDefinition ? Closed(method) : [method]);

    private static Type[] Types => typeof(IOperation).Assembly.GetTypes();

    private static IEnumerable<MethodInfo> Closed(MethodInfo kernel)
    {
        IEnumerable<Type[]> choices = [[]];
        foreach (Type parameter in kernel.GetGenericArguments())
        {
            // A generic parameter of a kernel is a kind of lanes, or what the kernel keeps of so many.
            Type wanted = parameter.GetGenericParameterConstraints().Single(constraint => constraint.IsInterface).GetGenericTypeDefinition();
            Type[] fitting =
            [
                .. Types.Where(type => type is { IsValueType: true, IsGenericType: false }
                    && type.GetInterfaces().Any(implemented => implemented.IsGenericType && implemented.GetGenericTypeDefinition() == wanted)),
            ];
            choices = [.. choices.SelectMany(chosen => fitting.Select(type => (Type[])[.. chosen, type]))];
        }

        foreach (Type[] chosen in choices)
        {
            MethodInfo closed;
            try
            {
                closed = kernel.MakeGenericMethod(chosen);
            }
            catch (ArgumentException)
            {
                // What is kept of four floats does not go with one.
                continue;
            }

            yield return closed;
        }
    }

    private static bool IsOfThreadRows(MethodInfo kernel) =>
        kernel.GetGenericArguments().SelectMany(type => type.GetInterfaces()).Any(kept => kept.IsGenericType && kept.GetGenericTypeDefinition() == typeof(IThreadRows<>));

    private static MethodInfo Named(string name) => All().Single(method => NameOf(method) == name);

    private static string NameOf(MethodInfo kernel) =>
        $"{kernel.DeclaringType!.Name}.{kernel.Name}{(kernel.IsGenericMethod ? $"<{string.Join(", ", kernel.GetGenericArguments().Select(type => type.Name))}>" : "")}";

    [GeneratedRegex(@"(\.extern\s+)?\.(?:entry|func)\s+(?:\([^)]*\)\s*)?([A-Za-z_$][\w$]*)")]
    private static partial Regex Definition();

    [GeneratedRegex(@"^@!?%p\d+\s+bra\.uni|brx\.idx\.uni")]
    private static partial Regex ConditionalUniformBranch();

    [GeneratedRegex(@"^call(?:\.uni)?\s+(?:\([^)]*\),\s*)?([A-Za-z_$][\w$]*)")]
    private static partial Regex Call();

    [GeneratedRegex(@"^(red|atom)\..*\.f(32|64)")]
    private static partial Regex FloatAtomic();

    [GeneratedRegex(@"^(@!?%p\d+\s+)?mov\s")]
    private static partial Regex UntypedMove();

    [GeneratedRegex(@"^ld\.(global\.)?f32")]
    private static partial Regex Load();

    [GeneratedRegex(@"^ld\.(?:global\.)?f32\s+(%f\d+),")]
    private static partial Regex LoadedValue();

    [GeneratedRegex(@"^(red|atom)\.add\.shared\.u32")]
    private static partial Regex IntegerAtomic();

    [GeneratedRegex(@"^ld\.(global\.)?v4\.f32")]
    private static partial Regex QuadLoad();

    [GeneratedRegex(@"^st\.(global\.)?v4\.f32")]
    private static partial Regex QuadStore();

    [GeneratedRegex(@"^mma\.sync\.aligned\.m16n8k8\.row\.col\.f32\.tf32\.tf32\.f32 (\{acc\d+,acc\d+,acc\d+,acc\d+\}), \{\s*%r\d+,%r\d+,%r\d+,%r\d+\}, \{%r\d+,%r\d+\}, \1;$")]
    private static partial Regex Multiplication();

    [GeneratedRegex(@"^(ld\.param\.[bsu]32|cvt\.[su]32\.[su]64|mov\.b32)\s+(%r\d+),\s*\[?([%\w]+)")]
    private static partial Regex Length();

    [GeneratedRegex(@"^(?:mul|mad)\.lo\.[su]32\s+%r\d+(?:,\s*([%\w]+))+;")]
    private static partial Regex ShortProduct();

    [GeneratedRegex(@"^(min|max)\.s32")]
    private static partial Regex Comparison();

    [GeneratedRegex(@"^\.shared.*\[(\d+)\]")]
    private static partial Regex SharedArray();
}
#endif
