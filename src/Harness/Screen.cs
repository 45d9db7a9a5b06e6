// Where the program writes: results to standard output, progress and errors to standard error.
using Spectre.Console;

namespace FlGpu.Harness;

/// <summary>The two streams of a run and how wide and lively they are.</summary>
public sealed class Screen(TextWriter output, TextWriter error, bool outputRedirected, bool errorRedirected)
{
    // Wide enough that no table breaks a number over two lines when it goes to a file. The height means nothing there; unset, the terminal is asked.
    private const int WidthInFiles = 200;
    private const int HeightInFiles = 50;

    /// <summary>Standard output.</summary>
    public TextWriter Out { get; } = output;

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; } = error;

    /// <summary>Standard output with tables.</summary>
    public IAnsiConsole Console => field ??= Create(Out, outputRedirected);

    /// <summary>Standard error with a progress bar; null when it is no terminal, where plain lines are written.</summary>
    public IAnsiConsole? Progress { get; } = errorRedirected ? null : Create(error, redirected: false);

    /// <summary>Writes a line to standard error; where there is a progress bar, above it.</summary>
    public void Tell(string line)
    {
        if (Progress is { } console)
        {
            console.WriteLine(line);
        }
        else
        {
            Error.WriteLine(line);
        }
    }

    /// <summary>The text without line ends and what else steers a terminal: names come from files that others wrote.</summary>
    public static string OneLine(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)) : text;

    /// <summary>A table in the program's style.</summary>
    public static Table Table(params IEnumerable<string> columns)
    {
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string column in columns)
        {
            table.AddColumn(new TableColumn(Markup.Escape(column)).NoWrap());
        }

        return table;
    }

    private static IAnsiConsole Create(TextWriter writer, bool redirected)
    {
        if (!redirected)
        {
            return AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer), Interactive = InteractionSupport.Yes });
        }

        // Nothing is left to find out about the terminal, which takes several milliseconds.
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
            EnvironmentVariables = [],
        });
        console.Profile.Width = WidthInFiles;
        console.Profile.Height = HeightInFiles;
        return console;
    }
}
