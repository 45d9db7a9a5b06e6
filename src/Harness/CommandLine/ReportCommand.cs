// `flgpu report`: a page with charts and tables of the results in one folder or several.
using System.CommandLine;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Reporting;
using FlGpu.Kernels;

namespace FlGpu.Harness.CommandLine;

internal static class ReportCommand
{
    public static Command Create(Screen screen)
    {
        var folders = new Argument<string[]>("DIR")
        {
            Description = "folders with summary.csv, accuracy.csv, timings.csv, as far as they are there; several are compared", Arity = ArgumentArity.OneOrMore,
        };
        var output = new Option<string?>("--out")
        {
            Description = $"the page; its charts go to charts/ beside it [default: {Report.PageName} in the folder, or here when there are several]", HelpName = "FILE",
        };
        var command = new Command("report", "Write one self-contained page, and each of its charts as an .svg file, from the CSVs of sweeps.") { folders, output };
        command.SetAction(parsed =>
        {
            string[] paths = parsed.GetValue(folders)!;
            string page = parsed.GetValue(output) ?? (paths.Length == 1 ? Path.Combine(paths[0], Report.PageName) : Report.PageName);
            if (page == "" || Directory.Exists(page))
            {
                throw new InputException($"--out is '{page}'; allowed is a file, such as {Path.Combine(page, Report.PageName)}");
            }

            Report report = Report.Of(paths);
            OutputFolder.Prepare(Path.GetDirectoryName(Path.GetFullPath(page))!);
            report.WriteTo(page);
            screen.Out.WriteLine(report.Charts == 0 ? $"Wrote {page}; there was nothing to draw." : $"Wrote {page} with {report.Charts} chart{(report.Charts == 1 ? "" : "s")}, also as .svg files in charts/ beside it.");
            return 0;
        });
        return command;
    }
}
