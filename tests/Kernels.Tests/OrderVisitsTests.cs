// The order in which clients visit their samples is that of a shuffle on the host, bit for bit, wherever it is drawn.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class OrderVisitsTests
{
    private static readonly int[][] s_clientRows = [[7, 3, 11], [5], [20, 21, 22, 23, 24, 25, 26, 27, 28], [], [1, 2], [.. Enumerable.Range(40, 90)]];

    public static TheoryData<string, int> Backends
    {
        get
        {
            TheoryData<string, int> data = new() { { "reference", 0 }, { "simd", 0 } };
            foreach (int groupSize in (int[])[1, 2, 32, 128])
            {
                data.Add("cpu", groupSize);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void It_is_that_of_a_shuffle_on_the_host(string name, int groupSize)
    {
        using Backend backend = name switch
        {
            "reference" => new ReferenceBackend(),
            "simd" => new SimdBackend(2),
            _ => Kernels.Backends.OpenCpu(threads: 2, groupSize),
        };
        RngKey key = RngKey.FromSeed(99);
        int[] clients = [5, 0, 3, 2, 1];

        foreach (int round in (int[])[1, 2])
        {
            Assert.Equal(OnHost(clients, epochs: 3, key, round, firstRow: 0), On(backend, clients, epochs: 3, key, round, firstRow: 0, firstVisit: 0));
            Assert.Equal(OnHost(clients, epochs: 3, key, round, firstRow: 1000), On(backend, clients, epochs: 3, key, round, firstRow: 1000, firstVisit: 17));
        }
    }

    [Fact]
    public void A_number_below_a_bound_rejects_the_words_that_would_favour_some()
    {
        // Of such a bound nearly a third of the words are rejected.
        const int Bound = 1_500_000_000;
        RngStream words = RngKey.FromSeed(3).Stream();
        RngStream numbers = RngKey.FromSeed(3).Stream();
        uint threshold = (uint)((1UL << 32) % Bound);
        int rejected = 0;
        for (int i = 0; i < 200; i++)
        {
            ulong product = (ulong)words.NextUInt32() * Bound;
            for (; (uint)product < threshold; rejected++)
            {
                product = (ulong)words.NextUInt32() * Bound;
            }

            Assert.Equal((int)(product >> 32), numbers.NextInt32(Bound));
        }

        Assert.InRange(rejected, 40, 140);
    }

    private static int[] OnHost(int[] clients, int epochs, RngKey key, int round, int firstRow)
    {
        List<int> order = [];
        foreach (int client in clients)
        {
            RngStream stream = key.Fold((ulong)client).Fold((ulong)round).Stream();
            for (int epoch = 0; epoch < epochs; epoch++)
            {
                int[] rows = [.. s_clientRows[client]];
                stream.Shuffle<int>(rows);
                order.AddRange(rows.Select(row => firstRow + row));
            }
        }

        return [.. order];
    }

    private static int[] On(Backend backend, int[] clients, int epochs, RngKey key, int round, int firstRow, int firstVisit)
    {
        int[] rowStart = new int[s_clientRows.Length + 1];
        for (int client = 0; client < s_clientRows.Length; client++)
        {
            rowStart[client + 1] = rowStart[client] + s_clientRows[client].Length;
        }

        int[] start = new int[clients.Length + 1];
        start[0] = firstVisit;
        for (int i = 0; i < clients.Length; i++)
        {
            start[i + 1] = start[i] + (epochs * s_clientRows[clients[i]].Length);
        }

        using Buffer<int> rows = backend.Upload<int>([.. s_clientRows.SelectMany(own => own)]);
        using Buffer<int> rowStarts = backend.Upload<int>(rowStart);
        using Buffer<int> taking = backend.Upload<int>(clients);
        using Buffer<int> starts = backend.Upload<int>(start);
        using Buffer<int> order = backend.Allocate<int>(start[^1] - firstVisit);
        backend.Run(new OrderVisits(rows, rowStarts, taking, epochs, key, round, firstRow, order, starts));
        int[] visits = new int[order.Length];
        order.CopyTo(visits);
        return visits;
    }
}
