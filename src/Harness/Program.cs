// The program `flgpu`: parse, run one command, turn what users can mend into one line and exit code 2.
using System.CommandLine;
using FlGpu.Harness.CommandLine;
using FlGpu.Kernels;

namespace FlGpu.Harness;

/// <summary>Exit codes: 0 done, 1 something failed or did not match, 2 unusable input, 130 ended by Ctrl-C or SIGTERM.</summary>
public static class Program
{
    private const int SomethingFailed = 1;
    private const int UnusableInput = 2;

    private static readonly Dictionary<string, Func<Screen, Command>> s_commands = new()
    {
        ["devices"] = DevicesCommand.Create,
        ["list"] = ListCommand.Create,
        ["compare"] = CompareCommand.Create,
        ["sweep"] = SweepCommand.Create,
        ["merge"] = MergeCommand.Create,
        ["cluster"] = ClusterCommand.Create,
        ["time"] = TimeCommand.Create,
        ["peaks"] = PeaksCommand.Create,
        ["report"] = ReportCommand.Create,
        ["check"] = CheckCommand.Create,
        ["aggregate"] = AggregateCommand.Create,
        ["bench"] = _ => BenchCommand.Create(),
    };

    /// <summary>Runs the command line of a process.</summary>
    public static int Main(string[] args) => Run(args, new Screen(Console.Out, Console.Error, Console.IsOutputRedirected, Console.IsErrorRedirected));

    /// <summary>Runs one command line and writes to <paramref name="screen"/>.</summary>
    public static int Run(string[] args, Screen screen)
    {
        var root = new RootCommand("FlGpu measures how defenses against poisoning in federated learning scale and how well they work.");
        // Where the line begins with a command none of the others is needed; for help, completion and mistakes all of them are.
        IEnumerable<Func<Screen, Command>> needed = args.Length > 0 && s_commands.TryGetValue(args[0], out Func<Screen, Command>? named) ? [named] : s_commands.Values;
        foreach (Func<Screen, Command> create in needed)
        {
            root.Add(create(screen));
        }

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
            screen.Error.WriteLine($"flgpu: {Screen.OneLine(unusable.Message)}");
            return UnusableInput;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A disk that is full or gone: nothing is wrong with the input, nor with the program.
            screen.Error.WriteLine($"flgpu: {failure.Message}");
            return SomethingFailed;
        }
    }

    private static string AllowedHere(Command command)
    {
        string[] options = [.. command.Options.Where(option => !option.Hidden).Select(option => option.Name)];
        return command.Subcommands.Count > 0 ? $"Allowed are {string.Join(", ", command.Subcommands.Select(subcommand => subcommand.Name))}."
            : options.Length > 0 ? $"Allowed are {string.Join(", ", options)}."
            : $"It is written flgpu {command.Name} {string.Join(' ', command.Arguments.Select(argument => argument.Arity.MaximumNumberOfValues > 1 ? $"{argument.Name}…" : argument.Name))}.";
    }
}
