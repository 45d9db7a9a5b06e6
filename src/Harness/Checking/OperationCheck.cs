// Checks every operation of a backend against the reference over many shapes.
using System.Globalization;
using FlGpu.Kernels;

namespace FlGpu.Harness.Checking;

/// <summary>One line for each operation and backend: the worst error over all shapes.</summary>
internal static class OperationCheck
{
    // Around the widths of vectors and groups; then where many clients or many parameters take another path through the code.
    private static readonly (int Clients, int Parameters)[] s_shapes =
    [
        .. from clients in (int[])[1, 2, 5, 33, 100] from parameters in (int[])[1, 33, 257, 1000, 2762] select (clients, parameters),
        (129, 65), (1025, 2), (3, 70_001),
    ];

    // On the CPU kernels run in groups of one thread, in which those that sort or reduce in shared memory take seconds for larger shapes.
    private static readonly (int Clients, int Parameters)[] s_cpuShapes =
    [
        .. from clients in (int[])[1, 2, 33] from parameters in (int[])[1, 33, 257] select (clients, parameters),
        (129, 9), (257, 2), (3, 5_001),
    ];

    /// <returns>0, or 1 when an operation of a backend is wrong.</returns>
    public static int Run(IReadOnlyList<string> backends, int threads, Screen screen)
    {
        int nameWidth = Operations.All.Max(operation => operation.Name.Length);
        int backendWidth = backends.Append("backend").Max(name => name.Length);
        screen.Out.WriteLine($"  {"operation".PadRight(nameWidth)}  {"backend".PadRight(backendWidth)}  cases  worst error  result");
        int failed = 0;
        foreach (string name in backends)
        {
            using Backend backend = Backends.Open(name, threads);
            (int Clients, int Parameters)[] shapes = name == "cpu" ? s_cpuShapes : s_shapes;
            foreach (OperationListing operation in Operations.All)
            {
                (double worst, string result) = Check(operation, backend, shapes);
                failed += result == "passed" ? 0 : 1;
                // At once: a backend may take minutes.
                screen.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"  {operation.Name.PadRight(nameWidth)}  {backend.Name.PadRight(backendWidth)}  {shapes.Length,5}  {worst,11:0.0E+0}  {result}"));
                screen.Out.Flush();
            }
        }

        screen.Out.WriteLine();
        screen.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Worst error: the largest difference from the reference over the sum of the magnitudes behind it; allowed is {Agreement.Tolerance:E0}. {failed} failed."));
        return failed == 0 ? 0 : 1;
    }

    private static (double Worst, string Result) Check(OperationListing operation, Backend backend, IEnumerable<(int Clients, int Parameters)> shapes)
    {
        double worst = 0;
        foreach ((int clients, int parameters) in shapes)
        {
            Agreement agreement = Conformance.Compare(operation, backend, clients, parameters, RngKey.FromSeed((ulong)((clients * 100_000) + parameters)));
            worst = Math.Max(worst, agreement.Error);
            if (!agreement.Passed)
            {
                string why = agreement.Repeatable ? "differs from the reference" : "a second run gave other bits";
                return (worst, $"FAILED at n={clients} d={parameters}: {why}");
            }
        }

        return (worst, "passed");
    }
}
