// The program `flgpu`: parse, run one command, turn what users can mend into one line and exit code 2.
using System.CommandLine;
using FlGpu.Harness.CommandLine;
using FlGpu.Kernels;

namespace FlGpu.Harness;

/// <summary>Exit codes: 0 done, 1 something failed or did not match, 2 unusable input, 130 ended by Ctrl-C or SIGTERM.</summary>
public static class Program
{
    private const int UnusableInput = 2;

    /// <summary>Runs the command line of a process.</summary>
    public static int Main(string[] args) => Run(args, new Screen(Console.Out, Console.Error, Console.IsOutputRedirected, Console.IsErrorRedirected));

    /// <summary>Runs one command line and writes to <paramref name="screen"/>.</summary>
    public static int Run(string[] args, Screen screen)
    {
        var root = new RootCommand("FlGpu measures how defenses against poisoning in federated learning scale and how well they work.")
        {
            DevicesCommand.Create(screen),
            ListCommand.Create(screen),
            CompareCommand.Create(screen),
            SweepCommand.Create(screen),
            MergeCommand.Create(screen),
            ClusterCommand.Create(screen),
            TimeCommand.Create(screen),
            CheckCommand.Create(screen),
            AggregateCommand.Create(screen),
            BenchCommand.Create(),
        };
        Completions.AddTo(root);
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            string problem = parsed.UnmatchedTokens.Count > 0 ? $"'{parsed.UnmatchedTokens[0]}' is unknown." : parsed.Errors[0].Message.ReplaceLineEndings(" ");
            screen.Error.WriteLine($"flgpu: {problem} {AllowedHere(parsed.CommandResult.Command)}");
            return UnusableInput;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = screen.Out, Error = screen.Error });
        }
        catch (InputException unusable)
        {
            screen.Error.WriteLine($"flgpu: {unusable.Message}");
            return UnusableInput;
        }
    }

    private static string AllowedHere(Command command) =>
        command.Subcommands.Count > 0
            ? $"Allowed are {string.Join(", ", command.Subcommands.Select(subcommand => subcommand.Name))}."
            : $"Allowed are {string.Join(", ", command.Options.Where(option => !option.Hidden).Select(option => option.Name))}.";
}
