// Puts each client's samples in random order, anew for every epoch, where they are trained on.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>
/// Writes which samples the clients of a round visit. Client c of all has the samples <paramref name="Rows"/>[<paramref name="RowStart"/>[c]] to
/// Rows[RowStart[c + 1]]; client <paramref name="Clients"/>[i] visits them <paramref name="Epochs"/> times, each time in another order. Its visits
/// are the elements of <paramref name="Order"/> from <paramref name="Start"/>[i] - Start[0] to Start[i + 1] - Start[0], which must be so many, each
/// row plus <paramref name="FirstRow"/>. The order is that of <see cref="RngStream.Shuffle"/> with <paramref name="Key"/> folded by the client and
/// by <paramref name="Round"/>: the same on every backend.
/// </summary>
[About("puts each client's samples in random order for every epoch")]
public readonly record struct OrderVisits(
    Buffer<int> Rows, Buffer<int> RowStart, Buffer<int> Clients, int Epochs, RngKey Key, int Round, int FirstRow, Buffer<int> Order, Buffer<int> Start)
    : IOperation
{
    private const int GroupSize = 32;

    /// <inheritdoc/>
    public Work Cost => new(Order.Length, (Order.Length / Epochs * sizeof(int)) + (4 * Clients.Length * sizeof(int)), Order.Length * sizeof(int));

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        // A sample a parameter, up to a thousand, and every other client has one more; all but the first take part, backwards.
        const int Epochs = 2;
        const int MostSamples = 1000;
        const int SomePrime = 65_521;
        int samples = Math.Min(parameters, MostSamples);
        int[] rowStart = [.. Enumerable.Range(0, clients + 2).Select(c => checked(c * samples) + (c / 2))];
        int[] sampled = [.. Enumerable.Range(0, clients).Select(i => clients - i)];
        int[] start = new int[clients + 1];
        start[0] = 5;
        for (int i = 0; i < clients; i++)
        {
            start[i + 1] = start[i] + (Epochs * (rowStart[sampled[i] + 1] - rowStart[sampled[i]]));
        }

        Buffer<int> rows = backend.Upload<int>([.. Enumerable.Range(0, rowStart[^1]).Select(row => SomePrime - 1 - (row % SomePrime))]);
        Buffer<int> rowStarts = backend.Upload<int>(rowStart);
        Buffer<int> taking = backend.Upload<int>(sampled);
        Buffer<int> starts = backend.Upload<int>(start);
        Buffer<int> order = backend.Allocate<int>(start[^1] - start[0]);
        var operation = new OrderVisits(rows, rowStarts, taking, Epochs, key, Round: 3, FirstRow: 2, order, starts);
        return new(() => backend.Run(operation), Output: null, operation.Cost, samples, Magnitude: 1, Restore: null, [rows, rowStarts, taking, starts, order])
        {
            IntegerOutput = order,
        };
    }

    /// <inheritdoc/>
    public unsafe void Reference()
    {
        Tiles tiles = OnHost();
        for (int i = 0; i < Clients.Length; i++)
        {
            tiles.Run(i, null);
        }
    }

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => simd.ForEachTile((int)Clients.Length, 10 * Order.Length, OnHost());

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel, gpu.ThreadEach(Clients.Length, GroupSize), new Draw(Key, Epochs, Round, FirstRow), GpuBackend.View(Rows), GpuBackend.View(RowStart),
            GpuBackend.View(Clients), GpuBackend.View(Order), GpuBackend.View(Start));

    /// <summary>A thread owns a client: what it draws next depends on what it drew before.</summary>
    private static void Kernel(
        Draw draw, ArrayView<int> rows, ArrayView<int> rowStart, ArrayView<int> clients, ArrayView<int> order, ArrayView<int> start)
    {
        for (long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; i < clients.Length; i += (long)Grid.DimX * Group.DimX)
        {
            int client = clients[i];
            int first = rowStart[client];
            int count = rowStart[client + 1] - first;
            long visits = (long)start[i] - start[0];
            RngStream stream = draw.Key.Fold((ulong)client).Fold((ulong)draw.Round).Stream();
            for (int epoch = 0; epoch < draw.Epochs; epoch++, visits += count)
            {
                for (int k = 0; k < count; k++)
                {
                    order[visits + k] = draw.FirstRow + rows[first + k];
                }

                for (int k = count - 1; k > 0; k--)
                {
                    int other = stream.Below(k + 1);
                    int row = order[visits + k];
                    order[visits + k] = order[visits + other];
                    order[visits + other] = row;
                }
            }
        }
    }

    private unsafe Tiles OnHost() => new(
        ((HostBuffer<int>)Rows).Pointer, ((HostBuffer<int>)RowStart).Pointer, ((HostBuffer<int>)Clients).Pointer, ((HostBuffer<int>)Order).Pointer,
        ((HostBuffer<int>)Start).Pointer, new(Key, Epochs, Round, FirstRow));

    /// <summary>What the kernel needs beside the buffers.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Draw(RngKey Key, int Epochs, int Round, int FirstRow);

    /// <summary>A tile is a client.</summary>
    private readonly unsafe struct Tiles(int* rows, int* rowStart, int* clients, int* order, int* start, Draw draw) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            int client = clients[tile];
            var own = new Span<int>(rows + rowStart[client], rowStart[client + 1] - rowStart[client]);
            int* visits = order + (start[tile] - start[0]);
            RngStream stream = draw.Key.Fold((ulong)client).Fold((ulong)draw.Round).Stream();
            for (int epoch = 0; epoch < draw.Epochs; epoch++, visits += own.Length)
            {
                var shuffled = new Span<int>(visits, own.Length);
                for (int k = 0; k < own.Length; k++)
                {
                    shuffled[k] = draw.FirstRow + own[k];
                }

                stream.Shuffle(shuffled);
            }
        }
    }
}
