// Runs the tutorial's defenses and attacks from the first round to the last on several backends: is the accuracy the same on all?
using System.Globalization;
using FlGpu.Harness.Sweeping;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Checking;

/// <summary>One line a backend: how many of its runs have the reference's accuracy in every round, and what tipped over in the others.</summary>
internal static class EndToEndCheck
{
    private static readonly string[] s_columns = ["runs", "same accuracy", "tipped samples", "accuracy off by", "parameters off by"];

    /// <summary>Runs every case of the plan on the reference and on <paramref name="backends"/>, on the CPU one run a thread.</summary>
    /// <param name="plan">Attacks, defenses, one seed; its own backends mean nothing here.</param>
    /// <param name="backends">What is held against the reference, which is not among them.</param>
    /// <param name="threads">CPU threads.</param>
    /// <param name="screen">Where the table goes.</param>
    /// <returns>0, or 1 when rounding does not explain a difference.</returns>
    /// <exception cref="InputException">A case of the plan cannot be run.</exception>
    public static int Run(SweepPlan plan, IReadOnlyList<string> backends, int threads, Screen screen)
    {
        IReadOnlyList<TrainingCase> cases = [.. SweepCases.Checked(plan, SweepCases.Of(plan with { Backends = ["reference"] })).Cast<TrainingCase>()];
        if (cases.FirstOrDefault(c => c.Impossible is not null) is { } impossible)
        {
            throw new InputException(impossible.Impossible!);
        }

        screen.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{cases.Count} runs (attacks x defenses) of {plan.Rounds} rounds on {plan.Data[0]}, seed {plan.Seeds[0]}, aggregating {(plan.Space == UpdateSpace.States ? "whole states as in the tutorial" : "updates")}"));
        screen.Out.WriteLine();
        int width = backends.Append("backend").Max(name => name.Length);
        screen.Out.WriteLine($"  {"backend".PadRight(width)}  {string.Join("  ", s_columns)}  result");
        screen.Out.Flush();

        Trajectory[] reference = Trace("reference", cases, threads, (_, trajectory) => trajectory);
        int failed = 0;
        foreach (string backend in backends)
        {
            IReadOnlyList<RoundComparison>[] runs = Trace(backend, cases, threads, (index, trajectory) => RoundComparison.Of(trajectory, reference[index]));
            failed += Write(backend.PadRight(width), cases, runs, screen);
        }

        screen.Out.WriteLine();
        screen.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            Same accuracy: to four digits in every round. Tipped samples get another class than from the reference; that is allowed where the reference's
            two largest logits are within {RoundComparison.NearTie:0E+0} of the largest. Parameters off by: the distance to the reference's, over the way these have come since
            the first round; allowed is {RoundComparison.AllowedDistance:0E+0}. {failed} of {cases.Count * backends.Count} runs failed.
            """));
        return failed == 0 ? 0 : 1;
    }

    /// <summary>Writes the line of a backend and one for each of its runs that tells a difference; returns how many runs failed.</summary>
    internal static int Write(string backend, IReadOnlyList<TrainingCase> cases, IReadOnlyList<RoundComparison>[] runs, Screen screen)
    {
        int failed = runs.Count(run => run.Any(round => round.Failure is not null));
        string[] cells =
        [
            Text($"{runs.Length}"),
            Text($"{runs.Count(run => run.All(round => round.SameAccuracy))}"),
            Text($"{runs.Sum(run => run.Sum(round => round.Tipped))}"),
            Text($"{runs.Max(run => run.Max(round => Math.Abs(round.TestAccuracy - round.ReferenceAccuracy))):0.0000}"),
            Text($"{runs.Max(run => run.Max(round => round.Distance)):0.0E+0}"),
        ];
        screen.Out.WriteLine($"  {backend}  {string.Join("  ", cells.Zip(s_columns, (cell, column) => cell.PadLeft(column.Length)))}  {(failed == 0 ? "passed" : $"FAILED: {failed}")}");
        foreach ((TrainingCase sweepCase, IReadOnlyList<RoundComparison> run) in cases.Zip(runs))
        {
            string name = $"  {backend}  {sweepCase.Experiment.Attack.Text}, {sweepCase.Experiment.Defense.Text}";
            if (run.FirstOrDefault(round => round.Failure is not null) is { } failure)
            {
                screen.Out.WriteLine(Text($"{name}, round {failure.Round}: {failure.Failure}; accuracy {failure.TestAccuracy:0.0000}, the reference's {failure.ReferenceAccuracy:0.0000}"));
            }
            else if (run.Where(round => round.Tipped > 0 || !round.SameAccuracy).ToArray() is { Length: > 0 } tipped)
            {
                screen.Out.WriteLine(Text(
                    $"{name}: {string.Join(", ", tipped.Select(round => Text($"{round.Tipped} in round {round.Round} (margin {round.LargestMargin:0E+0}; {round.TestAccuracy:0.0000}, reference {round.ReferenceAccuracy:0.0000})")))}"));
            }
        }

        // At once: a backend may take a minute.
        screen.Out.Flush();
        return failed;
    }

    /// <summary>Runs all cases on a backend: on the CPU in as many threads, each with a backend of its own; on a GPU one after another.</summary>
    private static T[] Trace<T>(string name, IReadOnlyList<TrainingCase> cases, int threads, Func<int, Trajectory, T> then)
    {
        bool onCpu = name is "reference" or "simd" or "cpu";
        var results = new T[cases.Count];
        int next = -1;
        // Threads of their own: with those of the pool, a run that waits for its backend's threads might wait for ever.
        Task[] workers = [.. Enumerable.Range(0, onCpu ? Math.Min(threads, cases.Count) : 1).Select(_ => Task.Factory.StartNew(Work, TaskCreationOptions.LongRunning))];
        Task.WhenAll(workers).GetAwaiter().GetResult();
        return results;

        void Work()
        {
            using Backend backend = Backends.Open(name, onCpu ? 1 : threads);
            TrainingCase any = cases[0];
            using FederatedData data = FederatedData.Load(backend, any.Data, any.Partition, any.Experiment.Clients, any.Experiment.Seed);
            for (int index = Interlocked.Increment(ref next); index < cases.Count; index = Interlocked.Increment(ref next))
            {
                results[index] = then(index, Trajectory.Of(cases[index].Experiment, backend, data));
            }
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
