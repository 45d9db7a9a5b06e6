// Colours for values from 0 to 1, whose lightness grows steadily: they stay in order for the colour-blind and in grey print.
using System.Globalization;

namespace FlGpu.Harness.Charts;

/// <summary>A path through colours.</summary>
internal sealed class ColorRamp
{
    private readonly (int R, int G, int B)[] _stops;

    private ColorRamp(params string[] stops) => _stops = [.. stops.Select(Parse)];

    /// <summary>Cividis: Nunez, Anderton and Renslow 2018, blue to yellow.</summary>
    public static ColorRamp Cividis { get; } =
        new("#00204c", "#00336f", "#39486b", "#575d6d", "#707173", "#8a8779", "#a69d75", "#c4b56c", "#e4cf5b", "#ffea46");

    /// <summary>Inferno of Matplotlib, less its darkest and lightest end: purple over red to yellow.</summary>
    public static ColorRamp Inferno { get; } =
        new("#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d");

    /// <summary>The colour of a value; those outside 0 to 1 get that of the end.</summary>
    public string At(double value)
    {
        (double r, double g, double b) = Mix(value);
        return $"#{(int)Math.Round(r):x2}{(int)Math.Round(g):x2}{(int)Math.Round(b):x2}";
    }

    /// <summary>Black or white, whichever reads better on the colour of a value.</summary>
    public string InkAt(double value)
    {
        (double r, double g, double b) = Mix(value);
        double luminance = (0.2126 * Linear(r)) + (0.7152 * Linear(g)) + (0.0722 * Linear(b));
        // Where the contrast ratios to black and to white (WCAG 2.1) are equal.
        return luminance > 0.179 ? "#000000" : "#ffffff";

        static double Linear(double channel) => channel / 255 <= 0.04045 ? channel / 255 / 12.92 : Math.Pow(((channel / 255) + 0.055) / 1.055, 2.4);
    }

    private (double R, double G, double B) Mix(double value)
    {
        double place = Math.Clamp(value, 0, 1) * (_stops.Length - 1);
        int below = Math.Min((int)place, _stops.Length - 2);
        double share = place - below;
        (int R, int G, int B) a = _stops[below];
        (int R, int G, int B) b = _stops[below + 1];
        return (a.R + (share * (b.R - a.R)), a.G + (share * (b.G - a.G)), a.B + (share * (b.B - a.B)));
    }

    private static (int R, int G, int B) Parse(string hex)
    {
        int all = int.Parse(hex.AsSpan(1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return (all >> 16, (all >> 8) & 0xff, all & 0xff);
    }
}
