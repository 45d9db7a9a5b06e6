// How a report words what a row is about.
using System.Globalization;
using FlGpu.Kernels;

namespace FlGpu.Harness.Reporting;

internal static class Words
{
    public static string Whole(double? number) => number is { } value ? value.ToString("#,0", CultureInfo.InvariantCulture) : "?";

    public static string Exact(double? number) => number?.ToString("R", CultureInfo.InvariantCulture) ?? "";

    public static string Short(double number) => number.ToString("0.##", CultureInfo.InvariantCulture);

    public static string Percent(double share) => share.ToString("0.0 %", CultureInfo.InvariantCulture);

    public static string Milliseconds(double ms) => $"{ms.ToString("0.####", CultureInfo.InvariantCulture)} ms";

    /// <summary>An enum's value as the CSV files have it.</summary>
    public static string Of(Enum value) => Operations.SnakeCase(value.ToString());

    /// <summary>Texts with a dot between them; those that are empty are left out.</summary>
    public static string Join(params IEnumerable<string> texts) => string.Join(" · ", texts.Where(text => text != ""));

    /// <summary>How many clients there are and how many of them attack.</summary>
    public static string Federation(int? clients, int? malicious) => $"{Whole(clients)} clients, {Whole(malicious)} malicious";

    /// <summary>How clients train, as far as a sweep varies it.</summary>
    public static string Training(int? localEpochs, double? learningRate) =>
        Join(localEpochs is null ? "" : Count(localEpochs, "local epoch"), learningRate is { } rate ? $"learning rate {Exact(rate)}" : "");

    /// <summary>A word with its number: 1 point, 2 points.</summary>
    public static string Count(int? number, string what) => $"{Whole(number)} {what}{(number == 1 ? "" : "s")}";
}
