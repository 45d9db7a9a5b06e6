// Which samples the clients of a round visit, and in which order: drawn on the device, from rows that stay there.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>One run whose clients train beside those of others.</summary>
/// <param name="Data">Whose samples are whose.</param>
/// <param name="Key">What shuffles are drawn from.</param>
/// <param name="FirstRow">Where the run's samples begin among those of all runs.</param>
internal readonly record struct Visitors(FederatedData Data, RngKey Key, int FirstRow = 0);

/// <summary>The visits of one round, or of one slice of it, for one run or for several whose clients follow one another.</summary>
internal sealed class VisitOrder : IDisposable
{
    private readonly Backend _backend;
    private readonly IReadOnlyList<Visitors> _runs;
    private readonly int _epochs;
    private readonly int _clientsAtOnce;
    private readonly int[] _hostClients;
    private readonly int[] _hostStart;
    private readonly Buffer<int> _clients;
    private readonly Buffer<int> _start;
    private readonly Buffer<int> _order;

    /// <summary>Makes room for the visits of at most <paramref name="clientsAtOnce"/> clients of each run.</summary>
    public VisitOrder(Backend backend, IReadOnlyList<Visitors> runs, int clientsAtOnce, int epochs)
    {
        (_backend, _runs, _epochs, _clientsAtOnce) = (backend, runs, epochs, clientsAtOnce);
        (_hostClients, _hostStart) = (new int[runs.Count * clientsAtOnce], new int[(runs.Count * clientsAtOnce) + 1]);
        Array.Fill(_hostClients, -1);
        (_clients, _start) = (backend.Allocate<int>(_hostClients.Length), backend.Allocate<int>(_hostStart.Length));
        int most = 0;
        foreach (Visitors run in runs)
        {
            most = checked(most + (MostRows(run.Data.ClientRows, clientsAtOnce) * epochs));
        }

        _order = backend.Allocate<int>(most);
    }

    /// <summary>Draws the visits of one run and gives them; of several runs each has as many clients, and an earlier one is drawn before.</summary>
    public (Buffer<int> Order, Buffer<int> Start) Draw(int run, ReadOnlySpan<int> clients, int round)
    {
        (FederatedData data, RngKey key, int firstRow) = _runs[run];
        int first = run * _clientsAtOnce;
        int before = _hostStart[first];
        Buffer<int> start = _start.Slice(first, clients.Length + 1);
        Buffer<int> onDevice = _clients.Slice(first, clients.Length);
        Span<int> known = _hostClients.AsSpan(first, clients.Length);

        // Where everybody takes part in every round nothing needs to go to the device after the first.
        if (!clients.SequenceEqual(known) || run > 0)
        {
            clients.CopyTo(known);
            for (int i = 0; i < clients.Length; i++)
            {
                _hostStart[first + i + 1] = _hostStart[first + i] + (data.ClientRows[clients[i]].Length * _epochs);
            }

            onDevice.CopyFrom(clients);
            start.CopyFrom(_hostStart.AsSpan(first, clients.Length + 1));
        }

        Buffer<int> order = _order.Slice(before, _hostStart[first + clients.Length] - before);
        _backend.Run(new OrderVisits(data.Rows, data.RowStart, onDevice, _epochs, key, round, firstRow, order, start));
        return (order, start);
    }

    /// <summary>The visits of all runs, once each of them is drawn.</summary>
    public (Buffer<int> Order, Buffer<int> Start) OfAll() => (_order.Slice(0, _hostStart[^1]), _start);

    /// <summary>The rows of the <paramref name="clients"/> clients that have most.</summary>
    private static int MostRows(int[][] clientRows, int clients)
    {
        int[] counts = new int[clientRows.Length];
        for (int i = 0; i < counts.Length; i++)
        {
            counts[i] = clientRows[i].Length;
        }

        Array.Sort(counts);
        int most = 0;
        for (int i = Math.Max(0, counts.Length - clients); i < counts.Length; i++)
        {
            most = checked(most + counts[i]);
        }

        return most;
    }

    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_clients, _start, _order])
        {
            owned.Dispose();
        }
    }
}
