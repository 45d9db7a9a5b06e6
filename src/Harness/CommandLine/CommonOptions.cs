// Options that several commands have, worded once.
using System.CommandLine;
using System.Globalization;
using FlGpu.Kernels;

namespace FlGpu.Harness.CommandLine;

internal static class CommonOptions
{
    public const string BackendNames = Backends.Names;

    public static Option<string> Threads() => new("--threads")
    {
        Description = "CPU threads of the simd and cpu backends",
        DefaultValueFactory = _ => Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture),
    };

    public static int ThreadsOf(ParseResult parsed, Option<string> option) => OptionText.WholeNumber("--threads", parsed.GetValue(option)!, 1);
}
