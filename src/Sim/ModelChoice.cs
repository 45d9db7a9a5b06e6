// Which model a run trains, before its data say how many inputs and classes it has.
using System.Globalization;
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>A kind of model with its inner widths, as a user writes it: softmax, mlp:64, mlp:128-64, cnn or cnn:10-20-50.</summary>
public sealed class ModelChoice : IEquatable<ModelChoice>
{
    private readonly Func<int, int, Model> _create;

    private ModelChoice(string text, string id, IReadOnlyList<int>? hidden, Func<int, int, Model> create) =>
        (Text, Id, Hidden, _create) = (text, id, hidden, create);

    /// <summary>What may be written, each with one line on it.</summary>
    public static IReadOnlyList<(string Form, string About)> Forms { get; } =
    [
        ("softmax", "softmax regression: no hidden layer"),
        ("mlp:64", "multilayer perceptron with these hidden widths, as in mlp:128-64"),
        (
            "cnn",
            "two convolutions with ReLU and 2 x 2 max pooling, a hidden layer; for square grey images. cnn:10-20-50 are its filters and hidden width "
            + "[LeCun et al., Proceedings of the IEEE 86, 1998]"),
    ];

    /// <summary>As a user writes it, in its shortest form.</summary>
    public string Text { get; }

    /// <summary>What the ids of cases are made of: the hidden widths alone where it is a perceptron, as before there were others.</summary>
    public string Id { get; }

    /// <summary>The widths of a perceptron's hidden layers; null where it is none.</summary>
    public IReadOnlyList<int>? Hidden { get; }

    /// <summary>Fully connected layers with these hidden widths; none for softmax regression.</summary>
    public static ModelChoice Perceptron(params IReadOnlyList<int> hidden)
    {
        string widths = string.Join('-', hidden);
        return new(hidden.Count == 0 ? "softmax" : $"mlp:{widths}", widths, hidden, (inputs, classes) => new Mlp([inputs, .. hidden, classes]));
    }

    /// <summary>The convolutional network with so many filters and hidden units.</summary>
    public static ModelChoice Convolutional(
        int firstFilters = Cnn.DefaultFirstFilters, int secondFilters = Cnn.DefaultSecondFilters, int hidden = Cnn.DefaultHidden)
    {
        bool isDefault = (firstFilters, secondFilters, hidden) == (Cnn.DefaultFirstFilters, Cnn.DefaultSecondFilters, Cnn.DefaultHidden);
        string text = isDefault ? "cnn" : $"cnn:{firstFilters}-{secondFilters}-{hidden}";
        return new(text, text, hidden: null, (inputs, classes) => new Cnn(inputs, classes, firstFilters, secondFilters, hidden));
    }

    /// <summary>Reads what a user wrote for <paramref name="option"/>.</summary>
    /// <exception cref="InputException">It is none of the forms.</exception>
    public static ModelChoice Parse(string option, string text)
    {
        string[] parts = text.Trim().Split(':', 2);
        int[]? widths = parts.Length == 1 ? [] : WidthsOf(parts[1]);
        return (parts[0], widths) switch
        {
            ("softmax", []) when parts.Length == 1 => Perceptron(),
            ("mlp", { Length: > 0 and < Mlp.MaxLayers }) => Perceptron(widths),
            ("cnn", []) when parts.Length == 1 => Convolutional(),
            ("cnn", [int first, int second, int hidden]) => Convolutional(first, second, hidden),
            _ => throw new InputException(
                $"{option} is '{text}'; allowed are softmax, mlp with 1 to {Mlp.MaxLayers - 1} hidden widths as in mlp:128-64, and cnn, with its filters and hidden width "
                + "as in cnn:10-20-50 or without; widths are whole numbers from 1 on"),
        };
    }

    /// <summary>The model for samples with so many features and classes.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public Model For(int inputs, int classes) => _create(inputs, classes);

    /// <inheritdoc/>
    public bool Equals(ModelChoice? other) => other?.Text == Text;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ModelChoice);

    /// <inheritdoc/>
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static int[]? WidthsOf(string text)
    {
        int[] widths = [.. text.Split('-').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int width) ? width : 0)];
        return widths.All(width => width >= 1) ? widths : null;
    }
}
