// What tab completion offers for options that take names: the same in every command that has such an option.
using System.CommandLine;
using System.CommandLine.Completions;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.CommandLine;

/// <summary>Answers `flgpu [suggest:POSITION] "LINE"`, with which shells complete, beyond the names of commands and options.</summary>
internal static class Completions
{
    // Entries of a list, and stages in front of a rule.
    private static readonly char[] s_separators = [',', ';', '+'];

    private static readonly Dictionary<string, Func<IEnumerable<string>>> s_names = new()
    {
        ["--attacks"] = Names<IAttack>,
        ["--defenses"] = () => [.. Names<IDefense>(), .. Names<IPreAggregation>()],
        ["--defense"] = () => [.. Names<IDefense>(), .. Names<IPreAggregation>()],
        ["--data"] = Names<IDataSource>,
        ["--partition"] = Names<IPartition>,
        ["--models"] = () => ModelChoice.Forms.Select(form => form.Form),
        ["--operations"] = () => Operations.All.Select(operation => operation.Name),
        ["--backend"] = () => [.. Backends.List().Where(listing => listing.Missing is null).Select(listing => listing.Name), "auto"],
        ["--preset"] = () => [TutorialPreset.Name],
    };

    /// <summary>Gives the options of all commands their names.</summary>
    public static void AddTo(RootCommand root)
    {
        foreach (Command command in root.Subcommands)
        {
            foreach (Option option in command.Options)
            {
                // Behind an option that takes several values, the beginning of an option passes for one more value.
                if (option.AllowMultipleArgumentsPerToken)
                {
                    option.CompletionSources.Add(context => context.WordToComplete.StartsWith('-') ? Complete(context.WordToComplete, command.Options.Select(other => other.Name)) : []);
                }

                if (s_names.TryGetValue(option.Name, out Func<IEnumerable<string>>? names))
                {
                    option.CompletionSources.Add(context => Complete(context.WordToComplete, names()));
                    // Without a name the help shows all that it could be completed to, in a column for which no screen is wide enough.
                    option.HelpName ??= option.Name.TrimStart('-');
                }
            }
        }
    }

    // Only the last entry of a list is completed; what stands before it is kept.
    private static IEnumerable<CompletionItem> Complete(string word, IEnumerable<string> names)
    {
        string before = word[..(word.LastIndexOfAny(s_separators) + 1)];
        return names.Select(name => new CompletionItem(before + name)).Where(item => item.Label.StartsWith(word, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Names<T>() where T : class => Catalogue.All<T>().Select(listing => listing.Name);
}
