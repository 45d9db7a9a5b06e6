// The mean of each column's values closest to a center as a kernel, emitted at run time: a thread has the distances of its column in registers.
using System.Reflection;
using System.Reflection.Emit;

namespace FlGpu.Kernels;

/// <summary>
/// Kernels for one number of rows, as <see cref="ColumnNetworkKernel"/> has them and within the same limits. Bisection over the bits of the distances
/// finds the largest one that counts, without a branch; then the values are read once more, from the cache, and those that count are added.
/// </summary>
internal static class ColumnDistanceKernel
{
    private const int HighestBit = 30;

    private static readonly MethodInfo s_key = Device(nameof(KeyAt));
    private static readonly MethodInfo s_center = Device(nameof(CenterAt));
    private static readonly MethodInfo s_isBelow = Device(nameof(IsBelow));
    private static readonly MethodInfo s_narrowed = Device(nameof(Narrowed));
    private static readonly MethodInfo s_takesTie = Device(nameof(TakesTie));
    private static readonly MethodInfo s_taken = Device(nameof(Taken));

    /// <summary>
    /// The kernel (updates, rows, center, mean, count) that writes the mean of the <c>count</c> values closest to the center among
    /// <paramref name="rows"/> listed rows of each column. A thread owns a column.
    /// </summary>
    public static Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int> Of(int rows) =>
        MadeKernels.Of(new(typeof(ColumnDistanceKernel), rows), static shape => Create(shape.Rows));

    private static Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int> Create(int rows)
    {
        TypeBuilder type = ColumnNetworkKernel.DefineType($"Distances{rows}");
        MethodBuilder method = type.DefineMethod(
            "Kernel", MethodAttributes.Public | MethodAttributes.Static, typeof(void),
            [typeof(ArrayView<float>), typeof(ArrayView<int>), typeof(ArrayView<float>), typeof(ArrayView<float>), typeof(int)]);
        Emit(method.GetILGenerator(1 << 14), rows);
        return type.CreateType().GetMethod("Kernel")!.CreateDelegate<Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int>>();
    }

    private static void Emit(ILGenerator il, int rows)
    {
        LocalBuilder columns = il.DeclareLocal(typeof(long));
        LocalBuilder column = il.DeclareLocal(typeof(long));
        LocalBuilder center = il.DeclareLocal(typeof(float));
        LocalBuilder farthest = il.DeclareLocal(typeof(int));
        LocalBuilder bit = il.DeclareLocal(typeof(int));
        LocalBuilder trial = il.DeclareLocal(typeof(int));
        LocalBuilder below = il.DeclareLocal(typeof(int));
        LocalBuilder ties = il.DeclareLocal(typeof(int));
        LocalBuilder tie = il.DeclareLocal(typeof(int));
        LocalBuilder sum = il.DeclareLocal(typeof(double));
        LocalBuilder[] keys = [.. Enumerable.Range(0, rows).Select(_ => il.DeclareLocal(typeof(int)))];
        Label nextColumn = il.DefineLabel();
        Label nextBit = il.DefineLabel();
        Label check = il.DefineLabel();

        il.Emit(OpCodes.Ldarga_S, (byte)3);
        il.Emit(OpCodes.Call, ColumnNetworkKernel.Length);
        il.Emit(OpCodes.Stloc, columns);
        il.Emit(OpCodes.Call, ColumnNetworkKernel.First);
        il.Emit(OpCodes.Stloc, column);
        il.Emit(OpCodes.Br, check);

        il.MarkLabel(nextColumn);
        il.Emit(OpCodes.Ldarg_2);
        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Call, s_center);
        il.Emit(OpCodes.Stloc, center);
        for (int row = 0; row < rows; row++)
        {
            LoadPlace(il, row, column, columns);
            il.Emit(OpCodes.Ldloc, center);
            il.Emit(OpCodes.Call, s_key);
            il.Emit(OpCodes.Stloc, keys[row]);
        }

        // No distance is below zero, and none is further above it than the bits reach.
        Set(il, farthest, OrderedKey.Of(0f));
        Set(il, bit, HighestBit);
        il.MarkLabel(nextBit);
        il.Emit(OpCodes.Ldloc, farthest);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Ldloc, bit);
        il.Emit(OpCodes.Shl);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, trial);
        Set(il, below, 0);
        AddBelow(il, keys, trial, OpCodes.Add, below);
        il.Emit(OpCodes.Ldloc, farthest);
        il.Emit(OpCodes.Ldloc, trial);
        il.Emit(OpCodes.Ldloc, below);
        il.Emit(OpCodes.Ldarg_S, (byte)4);
        il.Emit(OpCodes.Call, s_narrowed);
        il.Emit(OpCodes.Stloc, farthest);
        il.Emit(OpCodes.Ldloc, bit);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Stloc, bit);
        il.Emit(OpCodes.Ldloc, bit);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Bge, nextBit);

        il.Emit(OpCodes.Ldarg_S, (byte)4);
        il.Emit(OpCodes.Stloc, ties);
        AddBelow(il, keys, farthest, OpCodes.Sub, ties);
        il.Emit(OpCodes.Ldc_R8, 0.0);
        il.Emit(OpCodes.Stloc, sum);
        for (int row = 0; row < rows; row++)
        {
            il.Emit(OpCodes.Ldloc, keys[row]);
            il.Emit(OpCodes.Ldloc, farthest);
            il.Emit(OpCodes.Ldloc, ties);
            il.Emit(OpCodes.Call, s_takesTie);
            il.Emit(OpCodes.Stloc, tie);
            il.Emit(OpCodes.Ldloc, sum);
            LoadPlace(il, row, column, columns);
            il.Emit(OpCodes.Ldloc, keys[row]);
            il.Emit(OpCodes.Ldloc, farthest);
            il.Emit(OpCodes.Ldloc, tie);
            il.Emit(OpCodes.Call, s_taken);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc, sum);
            il.Emit(OpCodes.Ldloc, ties);
            il.Emit(OpCodes.Ldloc, tie);
            il.Emit(OpCodes.Sub);
            il.Emit(OpCodes.Stloc, ties);
        }

        il.Emit(OpCodes.Ldarg_3);
        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Ldloc, sum);
        il.Emit(OpCodes.Ldarg_S, (byte)4);
        il.Emit(OpCodes.Call, ColumnNetworkKernel.Store);

        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Call, ColumnNetworkKernel.Step);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, column);
        il.MarkLabel(check);
        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Ldloc, columns);
        il.Emit(OpCodes.Blt, nextColumn);
        il.Emit(OpCodes.Ret);
    }

    private static void LoadPlace(ILGenerator il, int row, LocalBuilder column, LocalBuilder columns)
    {
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldc_I4, row);
        il.Emit(OpCodes.Ldloc, column);
        il.Emit(OpCodes.Ldloc, columns);
    }

    private static void Set(ILGenerator il, LocalBuilder local, int value)
    {
        il.Emit(OpCodes.Ldc_I4, value);
        il.Emit(OpCodes.Stloc, local);
    }

    private static void AddBelow(ILGenerator il, LocalBuilder[] keys, LocalBuilder limit, OpCode addOrSubtract, LocalBuilder count)
    {
        foreach (LocalBuilder key in keys)
        {
            il.Emit(OpCodes.Ldloc, count);
            il.Emit(OpCodes.Ldloc, key);
            il.Emit(OpCodes.Ldloc, limit);
            il.Emit(OpCodes.Call, s_isBelow);
            il.Emit(addOrSubtract);
            il.Emit(OpCodes.Stloc, count);
        }
    }

    private static MethodInfo Device(string name) => typeof(ColumnDistanceKernel).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;

    // What follows runs on the device, called by the emitted kernel and inlined into it.
    internal static float CenterAt(ArrayView<float> center, long column) => center[column];

    internal static int KeyAt(ArrayView<float> updates, ArrayView<int> rows, int row, long column, long columns, float center) =>
        OrderedKey.Of(MathF.Abs(updates[(rows[row] * columns) + column] - center));

    internal static int IsBelow(int key, int limit) => key < limit ? 1 : 0;

    /// <summary>The largest distance that counts is not below the trial while no more than the others that count are.</summary>
    internal static int Narrowed(int farthest, int trial, int below, int count) => below < count ? trial : farthest;

    /// <summary>Of the rows that tie for the last places those listed first count.</summary>
    internal static int TakesTie(int key, int farthest, int ties) => key == farthest & ties > 0 ? 1 : 0;

    internal static double Taken(ArrayView<float> updates, ArrayView<int> rows, int row, long column, long columns, int key, int farthest, int tie)
    {
        float value = updates[(rows[row] * columns) + column];
        return key < farthest | tie != 0 ? value : 0;
    }
}
