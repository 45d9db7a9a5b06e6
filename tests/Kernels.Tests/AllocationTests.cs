// A call allocates nothing once everything it needs has been made: no operation feeds the garbage collector in a hot loop.
namespace FlGpu.Kernels.Tests;

public class AllocationTests
{
    public static TheoryData<string, int> Cases
    {
        get
        {
            TheoryData<string, int> cases = [];
            foreach (OperationListing operation in Operations.All)
            {
                cases.Add(operation.Name, 1);
                cases.Add(operation.Name, 2);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void NoOperationAllocatesAfterItsFirstCalls(string name, int threads)
    {
        // So many elements that two threads share them; more rows than a network sorts.
        const int Clients = 300;
        const int Parameters = 2000;
        const int Calls = 5;
        using var simd = new SimdBackend(threads);
        using Prepared prepared = Operations.All.Single(operation => operation.Name == name).Prepare(simd, Clients, Parameters, RngKey.FromSeed(3));
        prepared.Run();
        prepared.Run();

        // The calling thread does tiles like all others, so what it allocates is what they do. The first time that it really has to wait for
        // another thread it is given a lock, once; what a call allocates is there in every round.
        const int Rounds = 4;
        long allocated = 1;
        for (int round = 0; round < Rounds && allocated > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int call = 0; call < Calls; call++)
            {
                prepared.Run();
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }
}
