// Where the program writes: results to standard output, progress and errors to standard error.
using Spectre.Console;

namespace FlGpu.Harness;

/// <summary>The two streams of a run and how wide and lively they are.</summary>
public sealed class Screen(TextWriter output, TextWriter error, bool outputRedirected, bool errorRedirected)
{
    // Wide enough that no table breaks a number over two lines when it goes to a file.
    private const int WidthInFiles = 200;

    /// <summary>Standard output.</summary>
    public TextWriter Out { get; } = output;

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; } = error;

    /// <summary>Standard output with tables.</summary>
    public IAnsiConsole Console { get; } = Create(output, outputRedirected);

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
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Interactive = redirected ? InteractionSupport.No : InteractionSupport.Yes,
        });
        if (redirected)
        {
            console.Profile.Width = WidthInFiles;
            console.Profile.Capabilities.Ansi = false;
        }

        return console;
    }
}
