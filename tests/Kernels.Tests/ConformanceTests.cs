// Every operation on every backend against the reference, over shapes around the widths of vectors and groups.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class ConformanceTests
{
    private static readonly int[] s_clients = [1, 2, 3, 4, 5, 8, 33, 100];
    private static readonly int[] s_parameters = [1, 7, 8, 9, 31, 32, 33, 255, 256, 257, 1000];

    public static TheoryData<string> OperationNames => [.. Operations.All.Select(operation => operation.Name)];

    public static TheoryData<string, int> OperationsAndGroupSizes
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (OperationListing operation in Operations.All)
            {
                foreach (int groupSize in (int[])[2, 32, 128])
                {
                    data.Add(operation.Name, groupSize);
                }
            }

            return data;
        }
    }

    [Fact]
    public void The_operations_of_the_command_line_all_exist() =>
        Assert.Superset(
            new HashSet<string>
            {
                "weighted_sum", "coordinate_median", "trimmed_mean", "pairwise_squared_distances", "row_norms", "scale_rows", "add_gaussian_noise",
                "train_clients", "evaluate",
            },
            Operations.All.Select(operation => operation.Name).ToHashSet());

    [Theory]
    [MemberData(nameof(OperationNames))]
    public void Simd_agrees_with_the_reference(string name)
    {
        using var simd = new SimdBackend(2);
        AssertAgrees(name, simd, s_clients, s_parameters);
    }

    [Theory]
    [MemberData(nameof(OperationNames))]
    public void Kernels_in_groups_of_one_agree_with_the_reference(string name)
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 2, groupSize: 1);
        AssertAgrees(name, cpu, s_clients, s_parameters);
    }

    [Theory]
    [MemberData(nameof(OperationsAndGroupSizes))]
    public void Kernels_in_larger_groups_agree_with_the_reference(string name, int groupSize)
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize);
        if (Backends.KernelRuntimeName == "ILGPU")
        {
            // A barrier among 128 threads of ILGPU's CPU accelerator takes milliseconds.
            AssertAgrees(name, cpu, [3], groupSize == 32 ? [36] : [33]);
            return;
        }

        if (groupSize > 32)
        {
            AssertAgrees(name, cpu, [5], [33, 260]);
            return;
        }

        AssertAgrees(name, cpu, [1, 5, 33], [1, 33, 260]);
    }

    [Theory]
    [InlineData("coordinate_median", 129)]
    [InlineData("coordinate_median", 1000)]
    [InlineData("coordinate_median", 1200)]
    [InlineData("trimmed_mean", 300)]
    [InlineData("trimmed_mean", 1025)]
    [InlineData("mean_around_center", 1000)]
    [InlineData("mean_around_center", 1500)]
    [InlineData("pairwise_squared_distances", 150)]
    [InlineData("gram_matrix", 150)]
    [InlineData("neighbour_means", 150)]
    [InlineData("weighted_sum", 1000)]
    [InlineData("row_mix", 150)]
    public void Kernels_agree_where_many_clients_take_another_path(string name, int clients)
    {
        foreach (int groupSize in Backends.KernelRuntimeName == "ILGPU" ? (int[])[1, 2] : [1, 2, 32, 128])
        {
            using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize);
            AssertAgrees(name, cpu, [clients], [1, 12, 65]);
        }
    }

    [Theory]
    [InlineData(2_762)]
    [InlineData(3_450)]
    [InlineData(7_000)]
    [InlineData(7_960)]
    public void Models_train_and_test_alike_in_every_size_of_shared_memory_and_where_they_fit_none(int parameters)
    {
        foreach (int groupSize in Backends.KernelRuntimeName == "ILGPU" ? (int[])[1, 2] : [1, 2, 32, 128])
        {
            using GpuBackend cpu = Backends.OpenCpu(threads: 2, groupSize);
            AssertAgrees("train_clients", cpu, [2], [parameters]);
            AssertAgrees("evaluate", cpu, [2], [parameters]);
            AssertAgrees("logits", cpu, [40], [parameters]);
        }
    }

    [Theory]
    [InlineData("row_norms")]
    [InlineData("distances_to_vector")]
    [InlineData("pairwise_squared_distances")]
    [InlineData("gram_matrix")]
    [InlineData("inner_products")]
    [InlineData("scale_rows")]
    [InlineData("weighted_sum")]
    [InlineData("column_moments")]
    public void Kernels_agree_where_many_parameters_are_split(string name)
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 2, groupSize: 1);
        AssertAgrees(name, cpu, [1, 3, 6], [70_001, 70_004]);
    }

    [Theory]
    [MemberData(nameof(OperationNames))]
    public void Two_threads_give_the_bits_of_one(string name)
    {
        // Large enough that the second thread is really used.
        const int Clients = 67;
        const int Parameters = 9_999;
        OperationListing operation = Operations.All.Single(o => o.Name == name);
        using var one = new SimdBackend(1);
        using var two = new SimdBackend(2);
        using Prepared onOne = operation.Prepare(one, Clients, Parameters, RngKey.FromSeed(5));
        using Prepared onTwo = operation.Prepare(two, Clients, Parameters, RngKey.FromSeed(5));
        onOne.Run();
        onTwo.Run();
        Assert.Equal(onOne.Result(), onTwo.Result());
    }

    [Theory]
    [InlineData("coordinate_median", 129)]
    [InlineData("coordinate_median", 220)]
    [InlineData("coordinate_median", 400)]
    [InlineData("trimmed_mean", 150)]
    [InlineData("trimmed_mean", 300)]
    [InlineData("coordinate_median", 513)]
    [InlineData("coordinate_median", 1000)]
    [InlineData("trimmed_mean", 1001)]
    [InlineData("pairwise_squared_distances", 300)]
    [InlineData("weighted_sum", 1000)]
    public void Simd_agrees_where_many_clients_take_another_path(string name, int clients)
    {
        using var simd = new SimdBackend(2);
        AssertAgrees(name, simd, [clients], [1, 65, 1000]);
    }

    private static void AssertAgrees(string name, Backend backend, int[] clients, int[] parameters)
    {
        OperationListing operation = Operations.All.Single(o => o.Name == name);
        List<string> wrong = [];
        foreach (int n in clients)
        {
            foreach (int d in parameters)
            {
                Agreement agreement = Conformance.Compare(operation, backend, n, d, RngKey.FromSeed((ulong)((n * 10_000) + d)));
                if (!agreement.Passed)
                {
                    wrong.Add($"n={n} d={d}: error {agreement.Error:E1}, repeatable {agreement.Repeatable}");
                }
            }
        }

        Assert.Empty(wrong);
    }
}
