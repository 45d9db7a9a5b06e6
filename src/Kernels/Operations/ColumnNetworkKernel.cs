// A sorting network as a kernel, emitted at run time: a thread's whole column in registers, no loop over rows, no index, no memory.
using System.Reflection;
using System.Reflection.Emit;

namespace FlGpu.Kernels;

/// <summary>
/// Kernels for one number of rows and one pair of ranks. All loads of a column come before its first comparison, so that a warp has n
/// cache lines on their way at once; every wire of the network is a local variable, which the device compiler keeps in a register.
/// ILGPU's O2 moves a load next to its use, but not from one block of code to another: so whether a column exists is asked between the two.
/// </summary>
internal static class ColumnNetworkKernel
{
    /// <summary>
    /// Up to this many rows the values, some addresses and temporaries fit in the registers that leave room for twelve warps (168 a thread),
    /// and the comparisons take less time than reading the column does.
    /// </summary>
    public const int MostRows = 128;

    /// <summary>Threads of a group: few, so that registers are handed out in small portions and warps share the instruction cache.</summary>
    public const int GroupSize = 128;

    private const string AssemblyName = "FlGpu.EmittedKernels";

    private static readonly MethodInfo s_load = Device(nameof(Load));
    private static readonly MethodInfo s_value = Device(nameof(Value));
    private static readonly MethodInfo s_existing = Device(nameof(ExistingColumn));
    private static readonly MethodInfo s_firstOfGroup = Device(nameof(FirstOfGroup));
    private static readonly MethodInfo s_key = typeof(OrderedKey).GetMethod(nameof(OrderedKey.Of), [typeof(float)])!;
    private static readonly MethodInfo s_min = typeof(IntrinsicMath).GetMethod(nameof(IntrinsicMath.Min), [typeof(int), typeof(int)])!;
    private static readonly MethodInfo s_max = typeof(IntrinsicMath).GetMethod(nameof(IntrinsicMath.Max), [typeof(int), typeof(int)])!;

    /// <summary>(view): its length.</summary>
    public static MethodInfo Length { get; } = typeof(ArrayView<float>).GetProperty("Length")!.GetMethod!;

    /// <summary>(): the thread's first column.</summary>
    public static MethodInfo First { get; } = Device(nameof(FirstColumn));

    /// <summary>(): how much further its next one is.</summary>
    public static MethodInfo Step { get; } = Device(nameof(ColumnStep));

    /// <summary>(mean, column, sum, count): writes a mean.</summary>
    public static MethodInfo Store { get; } = Device(nameof(StoreMean));

    /// <summary>
    /// A type for a kernel. Neither ILGPU nor the stand-in can take a DynamicMethod: both want a method whose IL can be read or called through a type.
    /// </summary>
    public static TypeBuilder DefineType(string name) =>
        AssemblyBuilder.DefineDynamicAssembly(new(AssemblyName), AssemblyBuilderAccess.Run)
            .DefineDynamicModule(AssemblyName).DefineType(name, TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);

    /// <summary>
    /// The kernel (updates, mean) that writes the mean of the values of rank <paramref name="first"/> to <paramref name="last"/> of each column
    /// of <paramref name="rows"/> values. A thread owns a column.
    /// </summary>
    public static Action<ArrayView<float>, ArrayView<float>> Of(int rows, int first, int last) =>
        MadeKernels.Of(new(typeof(ColumnNetworkKernel), rows, first, last), static shape => Create(shape.Rows, shape.First, shape.Last));

    private static Action<ArrayView<float>, ArrayView<float>> Create(int rows, int first, int last)
    {
        var network = SortingNetwork.ForRanks(rows, first, last);
        TypeBuilder type = DefineType($"Network{rows}Ranks{first}To{last}");
        MethodBuilder method = type.DefineMethod(
            "Kernel", MethodAttributes.Public | MethodAttributes.Static, typeof(void), [typeof(ArrayView<float>), typeof(ArrayView<float>)]);
        Emit(method.GetILGenerator(1 << 16), network, rows);
        return type.CreateType().GetMethod("Kernel")!.CreateDelegate<Action<ArrayView<float>, ArrayView<float>>>();
    }

    private static void Emit(ILGenerator il, SortingNetwork network, int rows)
    {
        LocalBuilder columns = il.DeclareLocal(typeof(long));
        LocalBuilder column = il.DeclareLocal(typeof(long));
        LocalBuilder element = il.DeclareLocal(typeof(long));
        LocalBuilder sum = il.DeclareLocal(typeof(double));
        LocalBuilder spare = il.DeclareLocal(typeof(int));
        LocalBuilder[] loaded = [.. Enumerable.Range(0, rows).Select(_ => il.DeclareLocal(typeof(float)))];
        LocalBuilder[] wires = [.. Enumerable.Range(0, rows).Select(_ => il.DeclareLocal(typeof(int)))];
        Label nextColumn = il.DefineLabel();
        Label skip = il.DefineLabel();
        Label check = il.DefineLabel();

        il.Emit(OpCodes.Ldarga_S, (byte)1);
        il.Emit(OpCodes.Call, Length);
        il.Emit(OpCodes.Stloc, columns);
        il.Emit(OpCodes.Call, First);
        il.Emit(OpCodes.Stloc, column);
        il.Emit(OpCodes.Br, check);

        il.MarkLabel(nextColumn);
        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Ldloc, columns);
        il.Emit(OpCodes.Call, s_existing);
        il.Emit(OpCodes.Stloc, element);
        foreach (LocalBuilder value in loaded)
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldloc, element);
            il.Emit(OpCodes.Call, s_load);
            il.Emit(OpCodes.Stloc, value);
            Combine(il, element, columns, OpCodes.Add, element);
        }

        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Ldloc, columns);
        il.Emit(OpCodes.Bge, skip);
        for (int row = 0; row < rows; row++)
        {
            il.Emit(OpCodes.Ldloc, loaded[row]);
            il.Emit(OpCodes.Call, s_key);
            il.Emit(OpCodes.Stloc, wires[row]);
        }

        foreach (CompareExchange step in network.Steps)
        {
            Exchange(il, step, wires[step.Low], wires[step.High], spare);
        }

        il.Emit(OpCodes.Ldc_R8, 0.0);
        il.Emit(OpCodes.Stloc, sum);
        foreach (int wire in network.Kept)
        {
            il.Emit(OpCodes.Ldloc, sum);
            il.Emit(OpCodes.Ldloc, wires[wire]);
            il.Emit(OpCodes.Call, s_value);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc, sum);
        }

        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Ldloc, sum);
        il.Emit(OpCodes.Ldc_I4, network.Kept.Count);
        il.Emit(OpCodes.Call, Store);

        il.MarkLabel(skip);
        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Call, Step);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, column);
        il.MarkLabel(check);
        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Call, s_firstOfGroup);
        il.Emit(OpCodes.Ldloc, columns);
        il.Emit(OpCodes.Blt, nextColumn);
        il.Emit(OpCodes.Ret);
    }

    private static void Exchange(ILGenerator il, CompareExchange step, LocalBuilder low, LocalBuilder high, LocalBuilder spare)
    {
        if (step.NeedsLow)
        {
            Combine(il, low, high, s_min, step.NeedsHigh ? spare : low);
        }

        if (step.NeedsHigh)
        {
            Combine(il, low, high, s_max, high);
        }

        if (step.NeedsLow && step.NeedsHigh)
        {
            il.Emit(OpCodes.Ldloc, spare);
            il.Emit(OpCodes.Stloc, low);
        }
    }

    private static void Combine(ILGenerator il, LocalBuilder a, LocalBuilder b, MethodInfo operation, LocalBuilder target)
    {
        il.Emit(OpCodes.Ldloc, a);
        il.Emit(OpCodes.Ldloc, b);
        il.Emit(OpCodes.Call, operation);
        il.Emit(OpCodes.Stloc, target);
    }

    private static void Combine(ILGenerator il, LocalBuilder a, LocalBuilder b, OpCode operation, LocalBuilder target)
    {
        il.Emit(OpCodes.Ldloc, a);
        il.Emit(OpCodes.Ldloc, b);
        il.Emit(operation);
        il.Emit(OpCodes.Stloc, target);
    }

    private static MethodInfo Device(string name) => typeof(ColumnNetworkKernel).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;

    // What follows runs on the device, called by the emitted kernel and inlined into it.
    internal static long FirstColumn() => ((long)Grid.IdxX * Group.DimX) + Group.IdxX;

    internal static long FirstOfGroup(long column) => column - Group.IdxX;

    /// <summary>Threads beyond the last column read it like its owner and do not write.</summary>
    internal static long ExistingColumn(long column, long columns) => Math.Min(column, columns - 1);

    internal static long ColumnStep() => (long)Grid.DimX * Group.DimX;

    internal static float Load(ArrayView<float> updates, long element) => updates[element];

    internal static double Value(int key) => OrderedKey.ToFloat(key);

    internal static void StoreMean(ArrayView<float> mean, long column, double sum, int count) => mean[column] = (float)(sum / count);
}
