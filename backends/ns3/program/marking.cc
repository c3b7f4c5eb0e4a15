// MRG32k3a streams in sequence (marking.h). All arithmetic is in integers below 2^64: products of two residues below 2^32.
#include "marking.h"

#include "ns3/rng-stream.h"

#include <ostream>

namespace mixlab
{

namespace
{

using Vector = Recurrence::Vector;
using Matrix = Recurrence::Matrix;

constexpr uint64_t M1 = 4294967087;
constexpr uint64_t M2 = 4294944443;
constexpr uint64_t A12 = 1403580;
constexpr uint64_t A13N = 810728;
constexpr uint64_t A21 = 527612;
constexpr uint64_t A23N = 1370589;
constexpr double NORM = 2.328306549295727688e-10; // 1 / (M1 + 1)
constexpr int PART_LOG2 = 40; // more draws than any part will make
constexpr int STREAM_LOG2 = 127;
constexpr int SUBSTREAM_LOG2 = 76;

constexpr Matrix STEP1{{{0, 1, 0}, {0, 0, 1}, {M1 - A13N, A12, 0}}};
constexpr Matrix STEP2{{{0, 1, 0}, {0, 0, 1}, {M2 - A23N, 0, A21}}};

// The moduli are template arguments so that the compiler replaces divisions by multiplications.
template <uint64_t M>
Vector
Times(const Matrix& a, const Vector& v)
{
    Vector result;
    for (int row = 0; row < 3; ++row)
    {
        result[row] = (a[row][0] * v[0] % M + a[row][1] * v[1] % M + a[row][2] * v[2] % M) % M;
    }
    return result;
}

template <uint64_t M>
Matrix
Times(const Matrix& a, const Matrix& b)
{
    Matrix result{};
    for (int column = 0; column < 3; ++column)
    {
        const Vector product = Times<M>(a, Vector{b[0][column], b[1][column], b[2][column]});
        for (int row = 0; row < 3; ++row)
        {
            result[row][column] = product[row];
        }
    }
    return result;
}

/// `a` to the power of `n` * 2^`log2`.
template <uint64_t M>
Matrix
Power(Matrix a, uint64_t n, int log2)
{
    for (int i = 0; i < log2; ++i)
    {
        a = Times<M>(a, a);
    }
    Matrix result{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    for (; n > 0; n /= 2)
    {
        if (n % 2 == 1)
        {
            result = Times<M>(result, a);
        }
        a = Times<M>(a, a);
    }
    return result;
}

template <uint64_t M>
Recurrence
MakeRecurrence(const Matrix& step, uint64_t stream, uint64_t run)
{
    const Matrix jump = Power<M>(step, 1, STREAM_LOG2);
    const Vector state = Times<M>(Power<M>(jump, stream, 0), Vector{1, 1, 1});
    return {jump, Power<M>(step, run, SUBSTREAM_LOG2), state};
}

/// Moves to a later stream, and returns the first number of its substream.
template <uint64_t M>
uint64_t
First(Recurrence& r, uint64_t streams, const Matrix& step)
{
    for (; streams > 0; --streams)
    {
        r.state = Times<M>(r.streamJump, r.state);
    }
    return Times<M>(step, Times<M>(r.substreamJump, r.state))[2];
}

} // namespace

MarkingStreams::MarkingStreams(uint64_t nodes, uint64_t run, uint64_t part)
    : MarkingStreams(At{9 * nodes + 2 + (part << PART_LOG2)}, run)
{
}

MarkingStreams::MarkingStreams(At first, uint64_t run)
    : m_recurrences{MakeRecurrence<M1>(STEP1, first.stream, run), MakeRecurrence<M2>(STEP2, first.stream, run)}
{
}

double
MarkingStreams::Draw()
{
    const uint64_t p1 = First<M1>(m_recurrences[0], m_ahead, STEP1);
    const uint64_t p2 = First<M2>(m_recurrences[1], m_ahead, STEP2);
    m_ahead = 1;
    return static_cast<double>(p1 > p2 ? p1 - p2 : p1 + M1 - p2) * NORM;
}

void
PrintStreams(uint64_t first, uint64_t count, uint64_t run, std::ostream& out)
{
    MarkingStreams streams(MarkingStreams::At{first}, run);
    out.precision(17);
    for (uint64_t k = first; k < first + count; ++k)
    {
        if (k % 3 == 2)
        {
            streams.Skip();
            continue;
        }
        out << k << ' ' << streams.Draw() << ' ' << ns3::RngStream(1, k, run).RandU01() << '\n';
    }
}

} // namespace mixlab
