// What a person sees while a sweep runs: a bar with the time left, or plain lines where there is no terminal.
using System.Diagnostics;
using System.Globalization;
using FlGpu.Harness.Recording;
using FlGpu.Sim;
using Spectre.Console;

namespace FlGpu.Harness.Sweeping;

/// <summary>Shows cases as they finish, on standard error.</summary>
public static class SweepProgress
{
    private const double SecondsBetweenLines = 2;

    /// <summary>Runs <paramref name="run"/> on every case.</summary>
    public static void Follow(Screen screen, IReadOnlyList<SweepCase> cases, Func<SweepCase, CaseRows> run)
    {
        if (screen.Progress is { } console)
        {
            console.Progress()
                .Columns(new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
                .Start(context =>
                {
                    ProgressTask task = context.AddTask(Markup.Escape(Describe(cases[0])), maxValue: cases.Count);
                    foreach (SweepCase sweepCase in cases)
                    {
                        task.Description = Markup.Escape(Describe(sweepCase));
                        run(sweepCase);
                        task.Increment(1);
                    }
                });
            return;
        }

        long start = Stopwatch.GetTimestamp();
        double lastLine = double.NegativeInfinity;
        for (int i = 0; i < cases.Count; i++)
        {
            CaseRows rows = run(cases[i]);
            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (elapsed - lastLine >= SecondsBetweenLines || i == cases.Count - 1)
            {
                double left = elapsed / (i + 1) * (cases.Count - i - 1);
                screen.Error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{i + 1}/{cases.Count} cases, about {left:0} s left: {Describe(cases[i])}: {Outcome(rows)}"));
                lastLine = elapsed;
            }
        }
    }

    private static string Describe(SweepCase sweepCase)
    {
        Experiment e = sweepCase.Experiment;
        return $"{sweepCase.Backend} n={e.Clients} {e.Attack.Text} {e.Defense.Text} seed {e.Seed}";
    }

    private static string Outcome(CaseRows rows) =>
        rows.Accuracies[^1] is { Status: RowStatus.Ok, TestAccuracy: { } accuracy }
            ? string.Create(CultureInfo.InvariantCulture, $"accuracy {accuracy:0.000}")
            : $"{rows.Status.ToString().ToLowerInvariant()}, {rows.Accuracies[^1].Reason}";
}
