// What a person sees while a sweep runs: a bar, the time left, the case in flight and the last results; plain lines where there is no terminal.
using System.Diagnostics;
using System.Globalization;
using FlGpu.Harness.Recording;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace FlGpu.Harness.Sweeping;

/// <summary>Shows cases as they finish, on standard error.</summary>
public static class SweepProgress
{
    private const double SecondsBetweenLines = 2;
    private const int ResultsShown = 6;

    /// <summary>Runs <paramref name="run"/> on every case.</summary>
    /// <param name="screen">Where to.</param>
    /// <param name="cases">What is left to run.</param>
    /// <param name="weights">How long each case is reckoned to take, in any unit: the time left is told by it.</param>
    /// <param name="run">Runs one.</param>
    public static void Follow(Screen screen, IReadOnlyList<SweepCase> cases, double[] weights, Func<SweepCase, CaseRows> run)
    {
        var left = new TimeLeft(weights);
        if (screen.Progress is { } console && cases.Count > 0)
        {
            FollowOnTerminal(console, cases, left, run);
        }
        else
        {
            FollowInLines(screen, cases, left, run);
        }
    }

    private static void FollowOnTerminal(IAnsiConsole console, IReadOnlyList<SweepCase> cases, TimeLeft left, Func<SweepCase, CaseRows> run)
    {
        // Filled by the thread that runs cases, drawn by the one that refreshes the display.
        Queue<string> results = new();
        console.Progress()
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .UseRenderHook((bar, _) =>
            {
                lock (results)
                {
                    return new Rows([bar, .. results.Select(line => (IRenderable)new Text(line, new Style(decoration: Decoration.Dim)) { Overflow = Overflow.Ellipsis })]);
                }
            })
            .Start(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(cases[0].Description), maxValue: cases.Count);
                for (int i = 0; i < cases.Count; i++)
                {
                    task.Description = Markup.Escape($"{i + 1}/{cases.Count}, {left.Text}: {cases[i].Description}");
                    CaseRows rows = run(cases[i]);
                    left.Finish(i);
                    task.Increment(1);
                    lock (results)
                    {
                        results.Enqueue($"{cases[i].Description}: {Outcome(rows)}");
                        if (results.Count > ResultsShown)
                        {
                            results.Dequeue();
                        }
                    }
                }
            });
    }

    private static void FollowInLines(Screen screen, IReadOnlyList<SweepCase> cases, TimeLeft left, Func<SweepCase, CaseRows> run)
    {
        double lastLine = double.NegativeInfinity;
        for (int i = 0; i < cases.Count; i++)
        {
            CaseRows rows = run(cases[i]);
            left.Finish(i);
            if (left.Elapsed - lastLine >= SecondsBetweenLines || i == cases.Count - 1)
            {
                screen.Error.WriteLine($"{i + 1}/{cases.Count} cases, {left.Text}: {cases[i].Description}: {Outcome(rows)}");
                lastLine = left.Elapsed;
            }
        }
    }

    private static string Outcome(CaseRows rows) => rows switch
    {
        { Status: not RowStatus.Ok } => $"{rows.Status.ToString().ToLowerInvariant()}, {rows.Reason}",
        { Accuracies: [.., { TestAccuracy: { } accuracy }] } => string.Create(CultureInfo.InvariantCulture, $"accuracy {accuracy:0.000}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"median {Summary.Of(rows.Timings, [], [])[0].MedianMs:0.0000} ms"),
    };

    /// <summary>The share of the weight that is done, and the clock, give the time left.</summary>
    private sealed class TimeLeft(double[] weights)
    {
        private readonly long _start = Stopwatch.GetTimestamp();
        private readonly double _all = Total(weights);
        private double _done;
        private (double Seconds, double Weight) _first;

        public double Elapsed => Stopwatch.GetElapsedTime(_start).TotalSeconds;

        public string Text
        {
            get
            {
                // The first case says too much as soon as there are others: it compiled the code that they use, too.
                (double seconds, double weight) = _done > _first.Weight ? (Elapsed - _first.Seconds, _done - _first.Weight) : (Elapsed, _done);
                return _done > 0 ? $"about {Durations.Text(seconds / weight * Math.Max(0, _all - _done))} left" : "time left not known yet";
            }
        }

        public void Finish(int index)
        {
            _done += weights[index];
            if (_first.Weight == 0)
            {
                _first = (Elapsed, _done);
            }
        }

        private static double Total(double[] weights)
        {
            double sum = 0;
            foreach (double weight in weights)
            {
                sum += weight;
            }

            return sum;
        }
    }
}
