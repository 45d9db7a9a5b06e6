// The hash that ids are made of is the framework's, for messages that end anywhere in a block.
using System.Security.Cryptography;
using FlGpu.Harness.Sweeping;
using Xunit;

namespace FlGpu.Harness.Tests.Sweeping;

public class Sha256Tests
{
    [Fact]
    public void HashesAsTheFrameworkDoes()
    {
        byte[] bytes = new byte[300];
        new Random(1).NextBytes(bytes);
        for (int length = 0; length <= bytes.Length; length++)
        {
            string hash = string.Concat(Sha256.Of(bytes.AsSpan(0, length)).Select(word => word.ToString("x8")));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes.AsSpan(0, length))), hash);
        }
    }
}
