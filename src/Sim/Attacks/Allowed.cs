// Checks of attacks' parameters, with messages that say what is allowed.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Each check gives the value back or throws <see cref="InputException"/>.</summary>
internal static class Allowed
{
    public static double Finite(string name, double value) =>
        double.IsFinite(value) ? value : throw new InputException($"{name} is {Catalogue.ValueText(value)}; allowed is any finite number");

    public static double NotNegative(string name, double value) =>
        value >= 0 && double.IsFinite(value) ? value : throw new InputException($"{name} is {Catalogue.ValueText(value)}; allowed is any number from 0 on");

    public static double Share(string name, double value) =>
        value is >= 0 and <= 1 ? value : throw new InputException($"{name} is {Catalogue.ValueText(value)}; allowed is 0 to 1");

    public static int AtLeast(string name, int value, int least) =>
        value >= least ? value : throw new InputException($"{name} is {Catalogue.ValueText(value)}; allowed is {least} and more");

    public static int Class(string name, int value, int classes) =>
        value >= 0 && value < classes ? value : throw new InputException($"{name} is {Catalogue.ValueText(value)}; allowed is 0 to {classes - 1}, the classes of the data");
}
