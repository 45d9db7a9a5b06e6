// Holds this program's rules and training against what other systems computed.
using System.Globalization;
using System.Text.Json;
using FlGpu.Kernels;
using FlGpu.Sim;
using Spectre.Console;

namespace FlGpu.Harness.Checking;

/// <summary>A line for each kind of case and backend: passed, failed, not supported.</summary>
internal static class VectorCheck
{
    /// <summary>How each kind of case is written here: the text with the case's parameters as a <see cref="Template"/> has them.</summary>
    private static readonly Dictionary<string, (Means Means, string Text)> s_how = new()
    {
        ["fedavg"] = (Means.Rule, "none"),
        ["median_lower"] = (Means.Rule, "median:even=lower"),
        ["trimmed_mean_ratio"] = (Means.Rule, "trimmed_mean:trim={ratio}"),
        ["krum_euclidean"] = (Means.Rule, "krum:f={f},distance=euclidean,neighbours={neighbours=n-f-2}"),
        ["multi_krum_euclidean"] = (Means.Rule, "multi_krum:f={f},keep={m},distance=euclidean,neighbours={neighbours=n-f-2}"),
        ["norm_clip_mean"] = (Means.Rule, "norm_clip:clip={clip}"),
        ["mean"] = (Means.Rule, "none:weighting=uniform"),
        ["median"] = (Means.Rule, "median:even={even=average}"),
        ["trimmed_mean"] = (Means.Rule, "trimmed_mean:f={f}"),
        ["krum"] = (Means.Rule, "krum:f={f},distance={distance=squared},neighbours={neighbours=n-f-1}"),
        ["multi_krum"] = (Means.Rule, "multi_krum:f={f},keep={m},distance={distance=squared},neighbours={neighbours=n-f-1}"),
        ["krum_dialect"] = (Means.Rule, "krum:f={f},distance={distance},neighbours={neighbours}"),
        ["multi_krum_dialect"] = (Means.Rule, "multi_krum:f={f},keep={keep},distance={distance},neighbours={neighbours}"),
        ["meamed"] = (Means.Rule, "meamed:f={f}"),
        ["mda"] = (Means.Rule, "mda:f={f}"),
        ["monna"] = (Means.Rule, "monna:f={f},idx={idx=0}"),
        ["smea"] = (Means.Rule, "smea:f={f}"),
        ["geometric_median"] = (Means.Rule, "geometric_median:nu={nu=0.1},iterations={iterations=3}"),
        ["geometric_median_from_mean"] = (Means.Rule, "geometric_median:nu={nu},iterations={iterations},start=mean"),
        ["centered_clipping"] = (Means.Rule, "centered_clipping:tau={tau=100},iterations={iterations=1}"),
        ["bulyan"] = (Means.Rule, "bulyan:f={f}"),
        ["dnc"] = (Means.Rule, "dnc:f={num_byzantine},niters={num_iters},sub_dim={sub_dim},c={filter_frac}"),
        ["clipped_clustering"] = (Means.Rule, "clipped_clustering"),
        ["foolsgold_weights"] = (Means.Weights, "fools_gold:clip=Infinity"),
        ["nnm"] = (Means.Stage, "nnm:f={f}"),
        ["arc"] = (Means.Stage, "arc:f={f}"),
        ["clip_rows"] = (Means.Stage, "clipping:c={c=2}"),
        ["attack_sign_flip_mean"] = (Means.Attack, "sign_flip:of=honest_mean"),
        ["attack_ipm"] = (Means.Attack, "ipm:epsilon={epsilon=2}"),
        ["attack_alie"] = (Means.Attack, "alie:z={z=1.5}"),
        ["attack_mimic"] = (Means.Attack, "mimic:target={target=0}"),
        ["attack_inf"] = (Means.Attack, "infinity"),
        ["attack_min_max"] = (Means.Attack, "min_max:direction={direction}"),
        ["attack_min_sum"] = (Means.Attack, "min_sum:direction={direction},bound=min"),
        ["attack_min_sum_max_rule"] = (Means.Attack, "min_sum:direction={direction},bound=max"),
        ["alie_z"] = (Means.Attack, "alie"),
        ["opt_ipm"] = (Means.Search, "optimal_ipm:evaluations={evals=20},start={start=0},step={delta=10},ratio={ratio=0.8}"),
        ["opt_alie"] = (Means.Search, "optimal_alie:evaluations={evals=20},start={start=0},step={delta=10},ratio={ratio=0.8}"),
        ["attack_opt_ipm"] = (Means.Search, "optimal_ipm:evaluations={evals=20},start={start=0},step={delta=10},ratio={ratio=0.8}"),
        ["attack_opt_alie"] = (Means.Search, "optimal_alie:evaluations={evals=20},start={start=0},step={delta=10},ratio={ratio=0.8}"),
        ["mean_of_beta_closest_to_ref"] = (Means.MeanAroundCenter, ""),
    };

    /// <summary>Why the other kinds cannot be matched.</summary>
    private static readonly Dictionary<string, string> s_unmatched = new()
    {
        ["winsorized_mean"] = "no paper on poisoning aggregates so; the catalogue has no such rule",
        ["caf"] = "ByzFL takes one step of the power method from a random start; here the eigenvector is exact",
        ["bucketing"] = "rows are shuffled at random",
        ["attack_gaussian"] = "random numbers of another generator",
        ["blades_std_search"] = "stops up to 0.01 below the gamma that meets the constraint; here it is met with equality",
        ["flanders_std_ddof0_search"] = "a search that cannot go below 2.5 and breaks the constraint: a known bug",
        ["alie_z_phi_of_p"] = "the normal CDF of p in place of its inverse: a known bug",
        ["foolsgold_other_epsilon"] = "another epsilon than the published code's 1e-5",
    };

    /// <summary>Parameters that a case may name although only one value of them can be met.</summary>
    private static readonly Dictionary<(string Op, string Parameter), string> s_only = new()
    {
        [("attack_alie", "ddof")] = "1",
        [("centered_clipping", "v0")] = "zeros",
        [("geometric_median", "init")] = "zeros",
        [("clipped_clustering", "agg")] = "mean",
        [("clipped_clustering", "linkage")] = "average",
        [("clipped_clustering", "max_tau")] = "100000",
        [("fedavg", "weights")] = "",
        [("mean_of_beta_closest_to_ref", "ref")] = "",
        [("mean_of_beta_closest_to_ref", "beta")] = "",
        [("trimmed_mean_ratio", "ratio")] = "",
    };

    /// <summary>Parameters of a search that say what it is held against.</summary>
    private static readonly string[] s_pipeline = ["agg", "pre", "f"];

    private enum Verdict
    {
        Passed,
        Failed,
        NotSupported,
    }

    /// <summary>What of this program a kind of case is held against.</summary>
    private enum Means
    {
        /// <summary>The aggregate of a defense.</summary>
        Rule,

        /// <summary>The weights that a defense gives.</summary>
        Weights,

        /// <summary>The rows that a stage gives.</summary>
        Stage,

        /// <summary>The row that a malicious client sends, behind honest rows.</summary>
        Attack,

        /// <summary>The same of an attack that searches against a defense that the case names.</summary>
        Search,

        /// <summary>An operation of its own: Bulyan's last step.</summary>
        MeanAroundCenter,
    }

    /// <returns>0, or 1 when a case failed.</returns>
    public static int Run(IReadOnlyList<string> files, IReadOnlyList<string> backends, int threads, Screen screen)
    {
        IReadOnlyList<(string Kind, object Vector)> cases =
            [.. files.SelectMany(VectorFile.Read).Select(vector => (vector is AggregatorVector a ? a.Op : "training", vector))];
        Table table = Screen.Table("case", "backend", "passed", "failed", "not supported");
        Dictionary<Verdict, int> total = [];
        List<string> reasons = [];
        foreach (string name in backends)
        {
            using Backend backend = Backends.Open(name, threads);
            foreach (IGrouping<string, (string Kind, object Vector)> kind in cases.GroupBy(c => c.Kind))
            {
                List<(Verdict Verdict, string Why)> results = [.. kind.Select(c => Check(c.Vector, backend))];
                Dictionary<Verdict, int> counts = results.CountBy(result => result.Verdict).ToDictionary();
                table.AddRow([kind.Key, backend.Name, .. Enum.GetValues<Verdict>().Select(verdict => counts.GetValueOrDefault(verdict).ToString(CultureInfo.InvariantCulture))]);
                foreach ((Verdict verdict, int count) in counts)
                {
                    total[verdict] = total.GetValueOrDefault(verdict) + count;
                }

                reasons.AddRange(results.Where(result => result.Verdict == Verdict.NotSupported).Select(result => $"Not supported, {kind.Key}: {result.Why}."));
            }
        }

        screen.Console.Write(table);
        foreach (string reason in reasons.Distinct())
        {
            screen.Out.WriteLine(reason);
        }

        int failed = total.GetValueOrDefault(Verdict.Failed);
        screen.Out.WriteLine($"{total.GetValueOrDefault(Verdict.Passed)} passed, {failed} failed, {total.GetValueOrDefault(Verdict.NotSupported)} not supported.");
        return failed == 0 ? 0 : 1;
    }

    private static (Verdict Verdict, string Why) Check(object vector, Backend backend) =>
        vector is AggregatorVector aggregator ? CheckCase(aggregator, backend)
        : (CheckTraining((TrainingVector)vector, backend) ? Verdict.Passed : Verdict.Failed, "");

    private static (Verdict Verdict, string Why) CheckCase(AggregatorVector vector, Backend backend)
    {
        if (!s_how.TryGetValue(vector.Op, out (Means Means, string Text) how))
        {
            return (Verdict.NotSupported, s_unmatched.GetValueOrDefault(vector.Op, "nothing here does that"));
        }

        Written written;
        try
        {
            written = InOurWords(vector, how);
        }
        catch (NotSupportedException unmatched)
        {
            return (Verdict.NotSupported, unmatched.Message);
        }

        float[] output;
        try
        {
            output = Compute(vector, how.Means, written, backend);
        }
        catch (InputException refused)
        {
            // Others define a result where the rule's condition on n and f does not hold; here that is an error.
            return vector.Refused ? (Verdict.Passed, "") : (Verdict.NotSupported, refused.Message.Split("; allowed are")[0]);
        }

        bool same = !vector.Refused && output.Length == vector.Output.Length;
        for (int k = 0; same && k < output.Length; k++)
        {
            int column = k % vector.D;
            double largest = Enumerable.Range(0, vector.N).Max(i => Math.Abs((double)vector.Input[(i * vector.D) + column]));
            same = vector.Tolerance.Allows(output[k], vector.Output[k], largest);
        }

        return same ? (Verdict.Passed, "")
            : vector.Op == "smea" && IsTightCluster(vector) ? (Verdict.NotSupported, "rows that differ by less than a thousandth of their size: "
                + "there ByzFL's power iteration from a random start picks subsets whose largest eigenvalue, computed exactly, is not the smallest")
            : (Verdict.Failed, "");
    }

    /// <exception cref="NotSupportedException">The case has a parameter that is unknown here, or one that cannot be met.</exception>
    private static Written InOurWords(AggregatorVector vector, (Means Means, string Text) how)
    {
        IReadOnlyList<string> places = Template.Names(how.Text);
        Dictionary<string, string> given = vector.Params.ToDictionary(p => p.Key, p => Text(p.Value));
        if (given.TryGetValue("neighbours", out string? neighbours) && int.TryParse(neighbours, CultureInfo.InvariantCulture, out int count)
            && given.TryGetValue("f", out string? reckoned) && int.TryParse(reckoned, CultureInfo.InvariantCulture, out int byzantine))
        {
            int others = vector.N - byzantine - count;
            given["neighbours"] = others == 0 ? "n-f" : $"n-f-{others}";
        }

        foreach ((string name, string value) in given.Where(p => !places.Contains(p.Key) && !(how.Means == Means.Search && s_pipeline.Contains(p.Key))))
        {
            if (!s_only.TryGetValue((vector.Op, name), out string? only) || (only.Length > 0 && only != value))
            {
                throw new NotSupportedException($"{name}={value} cannot be set here");
            }
        }

        string text = Template.Fill(how.Text, vector.Op, given);
        if (how.Means != Means.Search)
        {
            return new(text, "none", how.Means == Means.Attack ? vector.Malicious : 0);
        }

        int malicious = !vector.Params.TryGetValue("f", out JsonElement f) ? 1 : f.ValueKind == JsonValueKind.Number ? (int)f.GetDouble() : 0;
        return malicious >= 1
            ? new(text, ByzflPipeline.Of(vector.Params), malicious)
            : throw new NotSupportedException($"f={f}: there is no malicious client that searches");
    }

    // 2.0 is 2: other languages write whole numbers so.
    private static string Text(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == Math.Floor(number) && Math.Abs(number) < 1e15
            ? number.ToString("F0", CultureInfo.InvariantCulture)
            : value.ToString();

    /// <summary>A case as a user would write it.</summary>
    /// <param name="Text">The rule, stage or attack with its parameters.</param>
    /// <param name="Defense">What an attack is given to search against.</param>
    /// <param name="Malicious">Malicious clients behind the rows of the input.</param>
    private readonly record struct Written(string Text, string Defense, int Malicious);

    private static bool IsTightCluster(AggregatorVector vector) =>
        Enumerable.Range(0, vector.D).All(k =>
        {
            float[] column = [.. Enumerable.Range(0, vector.N).Select(i => vector.Input[(i * vector.D) + k])];
            return column.Max() - column.Min() < 1e-3 * column.Max(Math.Abs);
        });

    private static float[] Compute(AggregatorVector vector, Means means, Written written, Backend backend)
    {
        int malicious = written.Malicious;
        int n = vector.N + malicious;
        var setting = new Setting(backend, n, malicious, vector.D);
        using Matrix updates = backend.Upload(n, vector.D, [.. vector.Input, .. new float[malicious * vector.D]]);
        using Matrix global = backend.Upload(1, vector.D, new float[vector.D]);
        using Matrix aggregate = backend.AllocateMatrix(1, vector.D);
        var round = new Round(1, updates, global, vector.NumSamples ?? [.. Enumerable.Repeat(1, n)], malicious, RngKey.FromSeed(0));
        switch (means)
        {
            case Means.Rule or Means.Weights:
                using (IDefense defense = Catalogue.Parse<IDefense>("--vectors", written.Text).Create(setting))
                {
                    float[] weights = [.. defense.Aggregate(round, aggregate)];
                    return means == Means.Rule ? aggregate.ToArray() : weights;
                }

            case Means.Stage:
                using (IPreAggregation stage = Catalogue.Parse<IPreAggregation>("--vectors", written.Text).Create(setting))
                {
                    return stage.Apply(round).Updates.ToArray();
                }

            case Means.Attack or Means.Search:
                using (IAttack attack = Catalogue.Parse<IAttack>("--vectors", written.Text).Create(setting, Catalogue.Parse<IDefense>("--vectors", written.Defense)))
                {
                    attack.Corrupt(round);
                }

                return updates.SliceRows(n - 1, 1).ToArray();

            default:
                using (Buffer<int> rows = backend.Upload<int>([.. Enumerable.Range(0, n)]))
                using (Matrix center = backend.Upload(1, vector.D, VectorFile.Numbers(vector.Params["ref"])))
                {
                    backend.Run(new MeanAroundCenter(updates, rows, center, vector.Params["beta"].GetInt32(), aggregate));
                    return aggregate.ToArray();
                }
        }
    }

    private static bool CheckTraining(TrainingVector vector, Backend backend)
    {
        var model = new Mlp(vector.Layers);
        var sgd = new LocalSgd(vector.Epochs, vector.Batch, (float)vector.LearningRate);
        int[] order = [.. vector.EpochOrder.SelectMany(epoch => epoch)];
        using Matrix features = backend.Upload(vector.Samples, model.Inputs, vector.Features);
        using Buffer<int> labels = backend.Upload<int>(vector.Labels);
        using Buffer<int> visits = backend.Upload<int>(order);
        using Buffer<int> start = backend.Upload<int>([0, order.Length]);
        using Matrix initial = backend.Upload(1, model.Parameters, FromPyTorch(model, vector.Initial));
        using Matrix zero = backend.Upload(1, model.Parameters, new float[model.Parameters]);
        using Matrix final = backend.AllocateMatrix(1, model.Parameters);
        using Matrix losses = backend.AllocateMatrix(1, vector.StepLosses.Length);
        backend.Run(new TrainClients(model, sgd, new(features, labels, visits, start), initial, zero, final, losses));
        return AllClose(final.ToArray(), [.. FromPyTorch(model, vector.Final).Select(w => (double)w)]) && AllClose(losses.ToArray(), vector.StepLosses);
    }

    /// <summary>PyTorch keeps weights as outputs x inputs; here they are inputs x outputs.</summary>
    private static float[] FromPyTorch(Mlp model, Dictionary<string, JsonElement> state)
    {
        List<float> parameters = [];
        for (int layer = 0; layer < model.Layers; layer++)
        {
            float[] weights = VectorFile.Numbers(state[VectorFile.WeightOf(layer)]);
            int inputs = model.Widths[layer];
            int outputs = model.Widths[layer + 1];
            for (int i = 0; i < inputs; i++)
            {
                for (int j = 0; j < outputs; j++)
                {
                    parameters.Add(weights[(j * inputs) + i]);
                }
            }

            parameters.AddRange(VectorFile.Numbers(state[VectorFile.BiasOf(layer)]));
        }

        return [.. parameters];
    }

    private static bool AllClose(float[] actual, double[] expected) =>
        actual.Length == expected.Length && actual.Zip(expected).All(pair => Tolerance.Usual.Allows(pair.First, pair.Second, magnitude: 1));
}
