// `flgpu sweep --dry-run`: what a sweep would run and skip, how long that would take and how much memory. Writes nothing.
using System.Diagnostics;
using System.Globalization;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;
using FlGpu.Sim;
using Spectre.Console;

namespace FlGpu.Harness.Sweeping;

/// <summary>Shows a request instead of running it.</summary>
internal sealed class DryRun(SweepRequest request, Screen screen, IReadOnlyList<SweepCase> cases)
{
    private const int ShortList = 40;
    private const double TrialSeconds = 5;
    private readonly CaseCost _cost = new();

    /// <summary>Shows it.</summary>
    /// <returns>0.</returns>
    /// <exception cref="InputException">The plan is unusable, or --out holds another sweep than is to be resumed.</exception>
    public static int Show(SweepRequest request, Screen screen)
    {
        foreach (string backend in request.Plan.Backends)
        {
            Backends.Open(backend, request.Threads).Dispose();
        }

        IReadOnlyList<SweepCase> all = SweepCases.Checked(request.Plan, SweepCases.Of(request.Plan));
        IReadOnlyList<SweepCase> own = request.Shard?.Of(all) ?? all;
        int before = own.Count;
        if (request is { Resume: true, Folder: { } folder } && File.Exists(Path.Combine(folder, SweepPlan.FileName)))
        {
            SweepFolder.RequireSame(folder, request.Plan);
            IReadOnlySet<string> finished = FinishedCases.Of(folder, all).RunIds;
            own = [.. own.Where(c => !finished.Contains(c.RunId))];
        }

        string part = request.Shard is { } shard ? $" of shard {shard.Number} of {shard.Count}, {all.Count} in all" : "";
        string done = own.Count < before ? $"; {before - own.Count} are done already" : "";
        screen.Out.WriteLine($"{before} cases{part}{done}.");
        if (own.Count > 0)
        {
            new DryRun(request, screen, own).Show();
        }

        screen.Out.WriteLine($"Nothing was written; without --dry-run the files go to {request.Folder}.");
        return 0;
    }

    private void Show()
    {
        ShowAxes();
        SweepCase[] possible = [.. cases.Where(c => c.Impossible is null)];
        if (cases.Count <= ShortList)
        {
            foreach (SweepCase sweepCase in possible)
            {
                screen.Out.WriteLine($"  {sweepCase.RunId}  {sweepCase.Description}");
            }
        }

        ShowSkipped(cases.Where(c => c.Impossible is not null).Select(c => (c, c.Impossible!)));

        if (possible.Length > 0)
        {
            ShowTime([.. possible.OfType<TrainingCase>()], [.. possible.OfType<TimingCase>()]);
            ShowMemory(possible);
        }
    }

    private void ShowAxes()
    {
        // The values come last: they may take several lines, the rest may not.
        Table table = Screen.Table("axis", "cases of each").AddColumn("values");
        Add("backend", c => c.Backend);
        Add("data", c => (c as TrainingCase)?.Data.Text);
        Add("partition", c => (c as TrainingCase)?.Partition.Text);
        Add("model", c => (c as TrainingCase)?.Experiment.Model.Text);
        Add("clients", c => Text(c.Clients));
        Add("malicious", c => Text(c.Malicious));
        Add("parameters", c => c is TimingCase t ? Text(t.Parameters) : null);
        Add("local epochs", c => c is TrainingCase t ? Text(t.Experiment.Sgd.Epochs) : null);
        Add("learning rate", c => c is TrainingCase t ? Text(t.Experiment.Sgd.LearningRate) : null);
        Add("attack", c => (c as TrainingCase)?.Experiment.Attack.Text);
        Add("defense", c => c is TrainingCase t ? t.Experiment.Defense.Text : (c as TimingCase)?.Defense?.Text);
        Add("operation", c => (c as TimingCase)?.Operation?.Name);
        Add("seed", c => (c as TrainingCase)?.Experiment.Seed.ToString(CultureInfo.InvariantCulture));
        screen.Console.Write(table);

        void Add(string axis, Func<SweepCase, string?> valueOf)
        {
            const int ValuesShown = 8;
            IGrouping<string?, SweepCase>[] values = [.. cases.GroupBy(valueOf).Where(group => group.Key is not null)];
            if (values.Length == 0)
            {
                return;
            }

            string more = values.Length > ValuesShown ? $" and {values.Length - ValuesShown} more" : "";
            int fewest = values.Min(group => group.Count());
            int most = values.Max(group => group.Count());
            table.AddRow(
                axis, fewest == most ? Text(most) : $"{fewest} to {most}", Markup.Escape(string.Join("; ", values.Take(ValuesShown).Select(group => group.Key)) + more));
        }
    }

    private void ShowTime(IReadOnlyList<TrainingCase> trainings, IReadOnlyList<TimingCase> timings)
    {
        if (trainings.Count > 0)
        {
            var rates = new Rates();
            int trials = Try(trainings, rates);
            double seconds = trainings.Sum(c => _cost.Flops(c) * rates.Of(c));
            screen.Out.WriteLine($"Time: about {Durations.Text(seconds)} here, reckoned from two rounds of {trials} of the cases.");
        }

        if (timings.Count > 0)
        {
            using var run = new SweepRun(request.Threads, screen);
            var trials = TimingTrials.Of(timings, _cost.Flops, timing => run.Run(timing, CancellationToken.None));
            screen.Out.WriteLine(
                $"Time: about {Durations.Text(trials.Seconds)} here, reckoned from {trials.Tried} of the cases."
                + (request.Plan.LongestCallS is { } longest ? string.Create(CultureInfo.InvariantCulture, $" No calls of more than {longest} s.") : ""));
        }
    }

    /// <summary>Runs two rounds of one case a backend, then of one a defense and one an attack, until the time for it is over.</summary>
    private int Try(IReadOnlyList<TrainingCase> trainings, Rates rates)
    {
        int[] clients = [.. trainings.Select(c => c.Clients).Distinct().Order()];
        TrainingCase[] middle = [.. trainings.Where(c => c.Clients == clients[clients.Length / 2])];
        TrainingCase[] trials =
        [
            .. middle.DistinctBy(c => c.Backend),
            .. middle.DistinctBy(c => (c.Backend, c.Experiment.Defense.Text)),
            .. middle.DistinctBy(c => (c.Backend, c.Experiment.Attack.Text)),
        ];
        using var run = new SweepRun(request.Threads, screen);
        long start = Stopwatch.GetTimestamp();
        int tried = 0;
        foreach (TrainingCase trial in trials.DistinctBy(c => c.RunId))
        {
            if (tried > 0 && Stopwatch.GetElapsedTime(start).TotalSeconds > TrialSeconds)
            {
                break;
            }

            // The first round compiles code; a plan of one round has no other.
            TrainingCase two = trial with { Experiment = trial.Experiment with { Rounds = 2 } };
            if (run.Run(two, CancellationToken.None) is { Status: RowStatus.Ok } rows)
            {
                AccuracyRow second = rows.Accuracies[^1];
                double seconds = (second.TrainMs!.Value + second.AttackMs!.Value + second.AggregateMs!.Value + second.EvaluateMs!.Value) / 1000 * trial.Experiment.Rounds;
                rates.Add(trial, seconds / _cost.Flops(trial));
                tried++;
            }
        }

        return tried;
    }

    private void ShowMemory(IReadOnlyList<SweepCase> possible)
    {
        long largest = 0;
        SweepCase? of = null;
        foreach (SweepCase candidate in Largest(possible))
        {
            long bytes = CaseMemory.BytesOf(candidate);
            if (bytes > largest)
            {
                (largest, of) = (bytes, candidate);
            }
        }

        if (of is not null)
        {
            double available = of.MemoryLimit ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
            string whose = of.MemoryLimit is null ? "this machine has" : "--memory-limit allows";
            string warning = largest > available ? " What does not fit is taken in slices where attack and defense allow it." : "";
            screen.Out.WriteLine(
                $"Memory: about {CaseMemory.Text(largest)} for data, updates and what attack and defense keep in the largest case, {of.Description}; "
                + $"{whose} {CaseMemory.Text(available)}.{warning}");
            if (largest > available)
            {
                ShowWhatDoesNotFit(possible);
            }
        }
    }

    private void ShowWhatDoesNotFit(IReadOnlyList<SweepCase> possible)
    {
        List<(SweepCase Case, string Reason)> skipped = [];
        foreach (IGrouping<string, SweepCase> ofBackend in possible.GroupBy(c => c.Backend))
        {
            using Backend backend = Backends.Open(ofBackend.Key, request.Threads);
            // What differs in nothing but the seed takes the same memory.
            foreach (IReadOnlyList<SweepCase> seeds in SeedGroups.Of([.. ofBackend], int.MaxValue))
            {
                if (CaseMemory.WhyNot(seeds[0], backend) is { } reason)
                {
                    skipped.AddRange(seeds.Select(c => (c, reason)));
                }
            }
        }

        ShowSkipped(skipped);
    }

    private void ShowSkipped(IEnumerable<(SweepCase Case, string Reason)> skipped)
    {
        foreach (IGrouping<string, (SweepCase Case, string Reason)> same in skipped.GroupBy(pair => pair.Reason))
        {
            screen.Out.WriteLine($"Skipped would be {same.Count()} (the first is {same.First().Case.Description}): {same.Key}");
        }
    }

    /// <summary>Of the cases with the largest matrix of updates one a defense and one an attack.</summary>
    private static IEnumerable<SweepCase> Largest(IReadOnlyList<SweepCase> possible)
    {
        TimingCase[] timings = [.. possible.OfType<TimingCase>()];
        TrainingCase[] trainings = [.. possible.OfType<TrainingCase>()];
        TrainingCase[] most =
        [
            .. trainings.GroupBy(c => (c.Data.Text, c.Experiment.Model))
                .SelectMany(group => group.Where(c => c.Experiment.UpdatesPerRound == group.Max(other => other.Experiment.UpdatesPerRound))),
        ];
        long size = timings.Length == 0 ? 0 : timings.Max(c => (long)c.Clients * c.Parameters);
        return
        [
            .. timings.Where(c => (long)c.Clients * c.Parameters == size).DistinctBy(c => c.Name),
            .. most.DistinctBy(c => (c.Data.Text, c.Experiment.Model, c.Experiment.Defense.Text)),
            .. most.DistinctBy(c => (c.Data.Text, c.Experiment.Model, c.Experiment.Attack.Text)),
        ];
    }

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    /// <summary>Seconds for each reckoned operation: a backend's, times what a defense and an attack take more than its first one.</summary>
    private sealed class Rates
    {
        private readonly Dictionary<string, (double Rate, TrainingCase Of)> _first = [];
        private readonly Dictionary<(string, string), double> _ofDefense = [];
        private readonly Dictionary<(string, string), double> _ofAttack = [];

        public void Add(TrainingCase trial, double rate)
        {
            (double Rate, TrainingCase Of) first = _first.TryAdd(trial.Backend, (rate, trial)) ? (rate, trial) : _first[trial.Backend];
            if (trial.Experiment.Attack.Text == first.Of.Experiment.Attack.Text)
            {
                _ofDefense[(trial.Backend, trial.Experiment.Defense.Text)] = rate / first.Rate;
            }

            if (trial.Experiment.Defense.Text == first.Of.Experiment.Defense.Text)
            {
                _ofAttack[(trial.Backend, trial.Experiment.Attack.Text)] = rate / first.Rate;
            }
        }

        public double Of(TrainingCase training) =>
            (_first.TryGetValue(training.Backend, out var first) ? first.Rate : _first.Values.Select(other => other.Rate).DefaultIfEmpty(0).Average())
            * _ofDefense.GetValueOrDefault((training.Backend, training.Experiment.Defense.Text), 1)
            * _ofAttack.GetValueOrDefault((training.Backend, training.Experiment.Attack.Text), 1);
    }
}
