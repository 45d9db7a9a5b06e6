// The tutorial that FlGpu grew from, as a setting: what its defenses mean where they differ from the papers.
namespace FlGpu.Sim;

/// <summary>Tutorial 093, "FL Data Poisoning Defense": whole states are aggregated, and each defense as its code has it.</summary>
public static class TutorialPreset
{
    /// <summary>The name in options and sweep.json.</summary>
    public const string Name = "tutorial";

    /// <summary>The dialect of each defense: what a parameter is when the user does not give it.</summary>
    public const string Defenses =
        "none; median:even=lower; trimmed_mean:trim=0.2; krum:distance=euclidean; multi_krum:keep=3,distance=euclidean; norm_clip:clip=10";

    /// <summary>Its five attack settings; its formulas are this program's defaults.</summary>
    public const string Attacks = "none, label_flip, random_noise, gradient_scale, sign_flip";

    /// <summary>The choice with the tutorial's dialect where it leaves something open.</summary>
    public static Choice<IDefense> InDialect(Choice<IDefense> choice) =>
        Catalogue.ParseList<IDefense>("--preset", Defenses).FirstOrDefault(d => d.Kind.Name == choice.Kind.Name) is { } dialect
            ? choice.Or(dialect.Given)
            : choice;
}
