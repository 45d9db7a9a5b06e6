// How long something takes, for people.
using System.Globalization;

namespace FlGpu.Harness.Sweeping;

internal static class Durations
{
    /// <summary>42 s, 12 min, 3.5 h or 4.1 days.</summary>
    public static string Text(double seconds)
    {
        const double Minute = 60;
        const double Hour = 60 * Minute;
        const double Day = 24 * Hour;
        (double value, string format) = seconds switch
        {
            < 2 * Minute => (seconds, "0 's'"),
            < 2 * Hour => (seconds / Minute, "0 'min'"),
            < 2 * Day => (seconds / Hour, "0.0 'h'"),
            _ => (seconds / Day, "0.0 'days'"),
        };
        return value.ToString(format, CultureInfo.InvariantCulture);
    }
}
