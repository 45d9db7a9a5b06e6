// `flgpu list`: everything that can be chosen, with parameters, defaults and papers.
using System.CommandLine;
using FlGpu.Kernels;
using FlGpu.Sim;
using Spectre.Console;

namespace FlGpu.Harness.CommandLine;

internal static class ListCommand
{
    public static Command Create(Screen screen)
    {
        var command = new Command("list", "List attacks, defenses, data sets, partitions, models and operations with their parameters.");
        command.SetAction(_ =>
        {
            Write(screen, "Attacks", Catalogue.All<IAttack>());
            Write(screen, "Defenses", Catalogue.All<IDefense>());
            Write(screen, "Pre-aggregations, in front of a defense as in nnm+median", Catalogue.All<IPreAggregation>());
            Write(screen, "Data sets", Catalogue.All<IDataSource>());
            Write(screen, "Partitions", Catalogue.All<IPartition>());
            Write(screen, "Models", ModelChoice.Forms);
            Write(screen, "Operations", Operations.All.Select(operation => (operation.Name, operation.About)));
            return 0;
        });
        return command;
    }

    private static void Write(Screen screen, string title, IEnumerable<(string Name, string About)> rows)
    {
        screen.Out.WriteLine(title);
        Table table = Screen.Table("name", "what it does");
        foreach ((string name, string about) in rows)
        {
            table.AddRow(Markup.Escape(name), Markup.Escape(about));
        }

        screen.Console.Write(table);
    }

    private static void Write<T>(Screen screen, string title, IReadOnlyList<Listing<T>> listings)
    {
        screen.Out.WriteLine(title);
        Table table = Screen.Table("name", "parameter", "default", "what it does");
        foreach (Listing<T> listing in listings)
        {
            string paper = listing.Paper.Length > 0 ? $" [{listing.Paper}]" : "";
            table.AddRow(Markup.Escape(listing.Name), "", "", Markup.Escape(listing.About + paper));
            foreach (Parameter parameter in listing.Parameters)
            {
                string fallback = parameter.Required ? "(required)" : parameter.Default is null ? "-" : parameter.DefaultText;
                string about = parameter.Allowed.Contains('|') ? $"{parameter.About}: {parameter.Allowed}" : parameter.About;
                table.AddRow("", Markup.Escape(parameter.Name), Markup.Escape(fallback), Markup.Escape(about));
            }
        }

        screen.Console.Write(table);
    }
}
