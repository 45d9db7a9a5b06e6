// A stage that says whom it rejects.
namespace FlGpu.Sim;

/// <summary>A stage that removes clients: whoever is left counts as kept, also in rounds in which it rejects nobody.</summary>
public interface IDetection : IPreAggregation;
