// What the program says about itself: devices, list and help.
using System.CommandLine;
using FlGpu.Harness.CommandLine;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Tests.CommandLine;

public sealed class ListAndHelpTests
{
    private static readonly string[] s_commands = ["devices", "list", "compare", "sweep", "merge", "cluster", "time", "peaks", "report", "check", "aggregate"];

    [Fact]
    public void Devices_has_a_line_for_every_backend_with_the_device_or_the_reason_why_it_is_missing()
    {
        ProgramRun run = ProgramRun.Of("devices").AssertDone();
        Assert.All(new[] { "reference", "simd", "cpu", "cuda", "opencl" }, kind => Assert.Contains(Backends.List(), l => l.Name.Split(':')[0] == kind));
        foreach (DeviceListing listing in Backends.List())
        {
            string[] line = Assert.Single(run.Cells, cells => cells[0] == listing.Name);
            Assert.Equal([listing.Name, listing.Device ?? "-", listing.Missing is { } missing ? $"no: {missing}" : "yes"], line);
        }

        Assert.Contains(Backends.KernelRuntimeName, run.Output, StringComparison.Ordinal);
        Assert.Equal("", run.Error);
    }

    [Fact]
    public void List_prints_every_attack_defense_data_set_partition_and_model_with_its_parameters_and_paper()
    {
        ProgramRun run = ProgramRun.Of("list").AssertDone();
        AssertListed(run, Catalogue.All<IAttack>(), ["none", "label_flip", "random_noise", "gradient_scale", "sign_flip"]);
        AssertListed(run, Catalogue.All<IDefense>(), ["none", "median", "trimmed_mean", "krum", "multi_krum", "norm_clip"]);
        AssertListed(run, Catalogue.All<IDataSource>(), ["synthetic", "digits", "idx"]);
        AssertListed(run, Catalogue.All<IPartition>(), ["iid", "dirichlet", "shards"]);
        Assert.All(ModelChoice.Forms, form =>
        {
            Assert.Equal(form.Form, ModelChoice.Parse("--models", form.Form).Text);
            Assert.Contains(run.Cells, cells => cells[0] == form.Form && cells[^1] == form.About);
        });
    }

    [Theory]
    [InlineData("weighted_sum")]
    [InlineData("coordinate_median")]
    [InlineData("trimmed_mean")]
    [InlineData("pairwise_squared_distances")]
    [InlineData("row_norms")]
    [InlineData("scale_rows")]
    [InlineData("add_gaussian_noise")]
    [InlineData("train_clients")]
    [InlineData("evaluate")]
    [InlineData("train_cnn_clients")]
    [InlineData("evaluate_cnn")]
    [InlineData("logits_of_cnn")]
    public void List_prints_every_operation_with_what_it_does(string operation)
    {
        OperationListing listing = Assert.Single(Operations.All, o => o.Name == operation);
        Assert.NotEqual("", listing.About);
        Assert.Contains(ProgramRun.Of("list").AssertDone().Cells, cells => cells[0] == operation && cells[^1] == listing.About);
    }

    [Theory]
    [InlineData("compare")]
    [InlineData("sweep")]
    [InlineData("time")]
    [InlineData("check")]
    [InlineData("aggregate")]
    public void Help_begins_each_description_where_a_screen_still_has_room_for_it(string command)
    {
        string[] options = [.. ProgramRun.Of(command, "--help").AssertDone().OutputLines.Where(line => line.StartsWith("  --", StringComparison.Ordinal))];
        Assert.NotEmpty(options);
        Assert.All(options, line => Assert.True(line.TrimStart().Split("  ")[0].Length < 50, line));
    }

    [Theory]
    [InlineData("list")]
    [InlineData("devices")]
    [InlineData("")]
    public void Help_goes_to_standard_output_and_names_the_command(string command)
    {
        string[] args = command.Length > 0 ? [command, "--help"] : ["--help"];
        ProgramRun run = ProgramRun.Of(args).AssertDone();
        Assert.Equal("", run.Error);
        Assert.Contains("Usage:", run.Output, StringComparison.Ordinal);
        Assert.Contains(command, run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_of_the_program_has_a_line_for_every_command()
    {
        ProgramRun run = ProgramRun.Of("--help").AssertDone();
        Assert.All(s_commands, command => Assert.Contains(run.OutputLines, line => line.StartsWith($"  {command} ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_option_of_every_command_has_a_description_and_is_in_the_help()
    {
        var screen = new Screen(TextWriter.Null, TextWriter.Null, outputRedirected: true, errorRedirected: true);
        Command[] commands =
        [
            DevicesCommand.Create(screen), ListCommand.Create(screen), CompareCommand.Create(screen),
            SweepCommand.Create(screen), MergeCommand.Create(screen), ClusterCommand.Create(screen), TimeCommand.Create(screen), PeaksCommand.Create(screen),
            ReportCommand.Create(screen), CheckCommand.Create(screen), AggregateCommand.Create(screen),
        ];
        Assert.Equal(s_commands, commands.Select(command => command.Name));
        foreach (Command command in commands)
        {
            Assert.False(string.IsNullOrWhiteSpace(command.Description), command.Name);
            ProgramRun help = ProgramRun.Of(command.Name, "--help").AssertDone();
            foreach (Option option in command.Options)
            {
                Assert.False(string.IsNullOrWhiteSpace(option.Description), $"{command.Name} {option.Name}");
                Assert.Contains($"{option.Name} ", help.Output, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("compare", "--attacks --defenses --data --partition --clients --malicious --clients-per-round --rounds --local-epochs --batch-size --learning-rate --models --hidden --seeds --backend --out --preset")]
    [InlineData("sweep", "--config --attacks --defenses --pre-aggregations --data --partition --clients --malicious --rounds --seeds --backend --parameters --operations --out --resume --shard --dry-run --schema")]
    [InlineData("time", "--operations --defenses --clients --parameters --backend --csv --out")]
    [InlineData("peaks", "--backend --threads --quick")]
    [InlineData("report", "--out")]
    [InlineData("check", "--backend --vectors")]
    [InlineData("aggregate", "--defense --input --array --output --scores --malicious --seed --backend --threads")]
    public void Each_command_has_the_options_that_it_should(string command, string options)
    {
        string help = ProgramRun.Of(command, "--help").AssertDone().Output;
        Assert.All(options.Split(' '), option => Assert.Contains($"  {option} ", help, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--clients", "10")]
    [InlineData("--malicious", "2")]
    [InlineData("--clients-per-round", "10")]
    [InlineData("--rounds", "30")]
    [InlineData("--local-epochs", "2")]
    [InlineData("--batch-size", "32")]
    [InlineData("--learning-rate", "0.01")]
    [InlineData("--models", "mlp:64")]
    [InlineData("--hidden", "64")]
    [InlineData("--data", "synthetic")]
    [InlineData("--backend", "auto")]
    public void Compare_has_the_defaults_of_the_tutorial(string option, string value) =>
        Assert.Contains(
            ProgramRun.Of("compare", "--help").AssertDone().OutputLines,
            line => line.StartsWith($"  {option} ", StringComparison.Ordinal) && line.EndsWith($"[default: {value}]", StringComparison.Ordinal));

    private static void AssertListed<T>(ProgramRun run, IReadOnlyList<Listing<T>> listings, string[] required) where T : class
    {
        Assert.Empty(required.Except(listings.Select(listing => listing.Name)));
        foreach (Listing<T> listing in listings)
        {
            Assert.NotEqual("", listing.About);
            Assert.Contains(run.Cells, cells => cells[0] == listing.Name && cells[^1].StartsWith(listing.About, StringComparison.Ordinal) && cells[^1].Contains(listing.Paper, StringComparison.Ordinal));
            foreach (Parameter parameter in listing.Parameters)
            {
                Assert.NotEqual("", parameter.About);
                Assert.Contains(run.Cells, cells => cells[0] == parameter.Name && cells[^1].StartsWith(parameter.About, StringComparison.Ordinal));
            }
        }
    }
}
