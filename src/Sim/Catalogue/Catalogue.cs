// Finds the attacks, defenses, data sets and partitions of this assembly and reads what users write about them.
using System.Globalization;
using System.Reflection;
using System.Runtime.Serialization;
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>A parameter that a user may give, as in krum:f=4.</summary>
/// <param name="Name">In snake case.</param>
/// <param name="Type">What it is converted to.</param>
/// <param name="Default">Its value when not given; null when it follows from the setting.</param>
/// <param name="Required">Whether it must be given.</param>
/// <param name="About">One line of help.</param>
public sealed record Parameter(string Name, Type Type, object? Default, bool Required, string About)
{
    /// <summary>The values that may be written, for messages and lists.</summary>
    public string Allowed => Underlying.IsEnum
        ? string.Join('|', Enum.GetValuesAsUnderlyingType(Underlying).Cast<object>().Select(v => Catalogue.EnumText(Enum.ToObject(Underlying, v))))
        : Underlying == typeof(int) ? "a whole number"
        : Underlying == typeof(double) ? "a number"
        : Underlying == typeof(bool) ? "true|false"
        : "text";

    /// <summary>The default as a user would write it.</summary>
    public string DefaultText => Default is null ? "" : Catalogue.ValueText(Default);

    /// <summary>A constructor's parameter; null for one that users do not give.</summary>
    internal static Parameter? Of(ParameterInfo parameter) => parameter.GetCustomAttribute<AboutAttribute>() is { } about
        ? new(
            Operations.SnakeCase(parameter.Name!), parameter.ParameterType,
            parameter.HasDefaultValue ? DefaultOf(parameter) : null, !parameter.HasDefaultValue, about.Text)
        : null;

    // Reflection gives an enum's default as the enum only where the type is not nullable.
    private static object? DefaultOf(ParameterInfo parameter) =>
        parameter.DefaultValue is { } value && parameter.ParameterType.IsEnum ? Enum.ToObject(parameter.ParameterType, value) : parameter.DefaultValue;

    private Type Underlying => Nullable.GetUnderlyingType(Type) ?? Type;

    /// <summary>Reads a value.</summary>
    /// <exception cref="InputException">It is not one of the allowed.</exception>
    public object Read(string text, string where)
    {
        object? value =
            Underlying == typeof(string) && text.Length > 0 ? text
            : Underlying == typeof(int) && int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int whole) ? whole
            : Underlying == typeof(double) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number
            : Underlying == typeof(bool) && bool.TryParse(text, out bool flag) ? flag
            : Underlying.IsEnum ? Enum.GetValuesAsUnderlyingType(Underlying).Cast<object>().Select(v => Enum.ToObject(Underlying, v)).FirstOrDefault(v => Catalogue.EnumText(v) == text)
            : null;
        return value ?? throw new InputException($"{where}: {Name} is '{text}'; allowed is {Allowed}");
    }
}

/// <summary>One kind of thing that a user may choose.</summary>
/// <typeparam name="T">The interface: <see cref="IDefense"/>, <see cref="IAttack"/> and so on.</typeparam>
/// <param name="Name">As in options and CSVs.</param>
/// <param name="About">One line on what it does.</param>
/// <param name="Paper">Where it was published; may be empty.</param>
/// <param name="Constructor">Makes one.</param>
public sealed record Listing<T>(string Name, string About, string Paper, ConstructorInfo Constructor)
{
    /// <summary>What may be set. Found when it is first asked for, since most kinds of a list are not chosen.</summary>
    public IReadOnlyList<Parameter> Parameters => field ??= [.. Constructor.GetParameters().Select(Parameter.Of).OfType<Parameter>()];
}

/// <summary>A kind with the parameters that a user gave.</summary>
/// <param name="Kind">What was chosen.</param>
/// <param name="Given">The parameters that were written, by name.</param>
/// <param name="Option">The option that it was written for, which errors name.</param>
public sealed record Choice<T>(Listing<T> Kind, IReadOnlyDictionary<string, object> Given, string Option) where T : class
{
    /// <summary>Stages in front of a defense, as in nnm+trimmed_mean; empty for everything else.</summary>
    public IReadOnlyList<Choice<IPreAggregation>> Stages { get; init; } = [];

    /// <summary>The one way to write this choice: name and given parameters in the order of the list.</summary>
    public string Text
    {
        get
        {
            string parameters = string.Join(',', Kind.Parameters.Where(p => Given.ContainsKey(p.Name)).Select(p => $"{p.Name}={Catalogue.ValueText(Given[p.Name])}"));
            string own = parameters.Length == 0 ? Kind.Name : $"{Kind.Name}:{parameters}";
            return string.Join('+', [.. Stages.Select(stage => stage.Text), own]);
        }
    }

    /// <summary>The same with parameters taken from <paramref name="defaults"/> where none were given.</summary>
    public Choice<T> Or(IReadOnlyDictionary<string, object> defaults) =>
        this with { Given = Laid(Given, new(defaults)) };

    private static Dictionary<string, object> Laid(IReadOnlyDictionary<string, object> given, Dictionary<string, object> over)
    {
        foreach ((string name, object value) in given)
        {
            over[name] = value;
        }

        return over;
    }

    /// <summary>Makes one. <paramref name="context"/> fills the constructor's parameters that users do not set, by type.</summary>
    /// <exception cref="InputException">A parameter is out of range.</exception>
    public T Create(params object[] context)
    {
        if (Stages.Count > 0)
        {
            return (T)(object)new StagedDefense(context.OfType<Setting>().Single(), Stages, (Choice<IDefense>)(object)(this with { Stages = [] }));
        }

        object?[] arguments =
        [
            .. Kind.Constructor.GetParameters().Select(p => p.GetCustomAttribute<AboutAttribute>() is null
                ? context.Single(p.ParameterType.IsInstanceOfType)
                : Given.TryGetValue(Operations.SnakeCase(p.Name!), out object? given) ? given : p.DefaultValue),
        ];
        return Named(() => (T)Kind.Constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, arguments, CultureInfo.InvariantCulture));
    }

    /// <summary>Makes one and uses it.</summary>
    /// <exception cref="InputException">It cannot be made or used so; the message names the option.</exception>
    public TResult Try<TResult>(Func<T, TResult> use, params object[] context)
    {
        T made = Create(context);
        return Named(() => use(made));
    }

    /// <summary>Does something with what was made.</summary>
    /// <exception cref="InputException">It cannot be done; the message names the option.</exception>
    public TResult Named<TResult>(Func<TResult> attempt)
    {
        try
        {
            return attempt();
        }
        catch (InputException unusable)
        {
            throw new InputException($"{Option} {Text}: {unusable.Message}");
        }
    }
}

/// <summary>What can be chosen, found by reflection: a new kind is one file and no entry in any list.</summary>
public static class Catalogue
{
    /// <summary>In place of a list: every kind that needs no parameter. What of it cannot run in a setting is skipped, not refused.</summary>
    public const string Everything = "all";

    /// <summary>Every kind of <typeparamref name="T"/>, by name.</summary>
    public static IReadOnlyList<Listing<T>> All<T>() where T : class => Listings<T>.All;

    /// <summary>Reads one choice: a name, or a name, a colon and parameters with commas between them.</summary>
    /// <exception cref="InputException">The name, a parameter or a value is unknown.</exception>
    public static Choice<T> Parse<T>(string option, string text) where T : class
    {
        string[] stages = typeof(T) == typeof(IDefense) ? text.Split('+') : [text];
        if (stages.Length > 1)
        {
            return Parse<T>(option, stages[^1]) with { Stages = [.. stages[..^1].Select(stage => Parse<IPreAggregation>(option, stage))] };
        }

        string[] parts = text.Trim().Split(':', 2);
        IReadOnlyList<Listing<T>> all = All<T>();
        Listing<T> kind = all.FirstOrDefault(listing => listing.Name == parts[0])
            ?? throw new InputException($"{option}: '{parts[0]}' is unknown; allowed are {string.Join(", ", all.Select(listing => listing.Name))}");
        Dictionary<string, object> given = [];
        string where = $"{option} {text.Trim()}";
        foreach (string assignment in parts.Length == 1 ? [] : SplitParameters(kind, parts[1]))
        {
            // A value without a name is the first parameter's: dirichlet:0.1, idx:/data/mnist.
            string[] sides = assignment.Split('=', 2);
            string name = sides.Length == 2 ? sides[0].Trim() : kind.Parameters.FirstOrDefault()?.Name ?? "";
            Parameter parameter = kind.Parameters.FirstOrDefault(p => p.Name == name)
                ?? throw new InputException(kind.Parameters.Count == 0
                    ? $"{where}: {kind.Name} has no parameters"
                    : $"{where}: {kind.Name} has no parameter '{name}'; it has {string.Join(", ", kind.Parameters.Select(p => p.Name))}");
            if (!given.TryAdd(name, parameter.Read(sides[^1].Trim(), where)))
            {
                throw new InputException($"{where}: {name} is given twice");
            }
        }

        if (kind.Parameters.FirstOrDefault(p => p.Required && !given.ContainsKey(p.Name)) is { } missing)
        {
            throw new InputException($"{where}: {kind.Name} needs {missing.Name}: {missing.About}");
        }

        return new(kind, given, option);
    }

    /// <summary>
    /// Reads a list: names with commas between them; where parameters are given, semicolons may separate the entries, and
    /// a piece such as distance=euclidean continues the entry before it.
    /// </summary>
    public static IReadOnlyList<Choice<T>> ParseList<T>(string option, string text) where T : class
    {
        if (text.Trim() == Everything)
        {
            return [.. All<T>().Where(listing => !listing.Parameters.Any(p => p.Required)).Select(listing => Parse<T>(option, listing.Name))];
        }

        List<string> entries = [];
        foreach (string group in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int start = entries.Count;
            foreach (string piece in group.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                int colon = piece.IndexOf(':');
                int equals = piece.IndexOf('=');
                if (entries.Count > start && equals >= 0 && (colon < 0 || colon > equals))
                {
                    entries[^1] += $",{piece}";
                }
                else
                {
                    entries.Add(piece);
                }
            }
        }

        return entries.Count > 0
            ? [.. entries.Select(entry => Parse<T>(option, entry))]
            : throw new InputException($"{option}: the list is empty; allowed are {string.Join(", ", All<T>().Select(listing => listing.Name))}");
    }

    /// <summary>A value as a user writes it.</summary>
    public static string ValueText(object value) => value switch
    {
        Enum => EnumText(value),
        bool flag => flag ? "true" : "false",
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary>An enum's value as a user writes it: its EnumMember name, or its own in snake case.</summary>
    internal static string EnumText(object value)
    {
        string name = value.ToString()!;
        return value.GetType().GetField(name)?.GetCustomAttribute<EnumMemberAttribute>()?.Value ?? Operations.SnakeCase(name);
    }

    private static IEnumerable<string> SplitParameters<T>(Listing<T> kind, string text) =>
        // A lone text parameter, a path, may hold commas and equal signs.
        kind.Parameters is [{ } only] && only.Type == typeof(string)
            ? [text.StartsWith($"{only.Name}=", StringComparison.Ordinal) ? text : $"{only.Name}={text}"]
            : text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static Listing<T> Describe<T>(Type type)
    {
        AboutAttribute about = type.GetCustomAttribute<AboutAttribute>() ?? throw new InvalidOperationException($"{type} lacks an About attribute");
        ConstructorInfo constructor = type.GetConstructors().Single();
        return new(about.Name.Length > 0 ? about.Name : Operations.NameOf(type), about.Text, about.Paper, constructor);
    }

    // Reflection over every type takes milliseconds, and every name that is read asks for the list.
    private static class Listings<T> where T : class
    {
        public static readonly IReadOnlyList<Listing<T>> All = Find();

        private static List<Listing<T>> Find()
        {
            List<Listing<T>> found =
            [
                .. typeof(T).Assembly.GetTypes()
                    .Where(type => type is { IsClass: true, IsAbstract: false } && typeof(T).IsAssignableFrom(type) && type != typeof(StagedDefense))
                    .Select(Describe<T>),
            ];
            found.Sort((one, other) => string.CompareOrdinal(one.Name, other.Name));
            return found;
        }
    }
}
