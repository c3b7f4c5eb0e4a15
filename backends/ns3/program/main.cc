// mixlab's simulator on ns-3's event kernel: the windowed RDMA transport of the HPCC family of ns-3 programs (DCTCP, DCQCN,
// HPCC, TIMELY; ECN, PFC, shared buffers) with paths given by the scenario.
//
//   mixlab-ns3 batch [THREADS]   read a scenario (scenario.h) from standard input, simulate, print results (session.h)
//   mixlab-ns3 online    read a scenario from standard input, then simulate on request, requests there too (session.h)
//   mixlab-ns3 version   print how it was built
//   mixlab-ns3 streams FIRST COUNT RUN   compare the marking streams with ns-3's own generator (marking.h)
//
// Only ns-3's core module is used: its simulator, schedulers, time and random streams; with the multithreaded kernel also
// the modules mtp and network, to tell it the parts of the network (kernel.h). Standard input is the caller's lifeline
// (lifeline.h; from a file it works too). Exit status: 0 complete, 1 error (message on standard error), 3 the caller is
// gone.
#include "lifeline.h"
#include "marking.h"
#include "scenario.h"
#include "session.h"

#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace
{

int
Simulate(const std::string& mode, uint32_t threads)
{
    mixlab::WatchCaller();
    const mixlab::Scenario scenario = mixlab::ReadScenario(std::cin);
    if (scenario.transport.IsTcp())
    {
        throw std::runtime_error("scenario: expected dctcp, dcqcn, hp or timely, found TCP");
    }
    mixlab::Session session(scenario, threads, std::cout);
    if (mode == "batch")
    {
        session.Batch();
    }
    else
    {
        session.Online(std::cin);
    }
    return std::cout ? 0 : 1;
}

} // namespace

int
main(int argc, char** argv)
{
    std::ios::sync_with_stdio(false);
    const std::string mode = argc > 1 ? argv[1] : "";
    try
    {
        if (mode == "version" && argc == 2)
        {
            std::cout << "mixlab-ns3 1 " << mixlab::BuildKind() << " kernel=" << mixlab::Kernel::Name() << std::endl;
            return 0;
        }
        if ((mode == "batch" && (argc == 2 || argc == 3)) || (mode == "online" && argc == 2))
        {
            return Simulate(mode, argc == 3 ? std::stoul(argv[2]) : 1);
        }
        if (mode == "streams" && argc == 5)
        {
            mixlab::PrintStreams(std::stoull(argv[2]), std::stoull(argv[3]), std::stoull(argv[4]), std::cout);
            return 0;
        }
        std::cerr << "usage: mixlab-ns3 batch [THREADS]|online|version|streams FIRST COUNT RUN" << std::endl;
    }
    catch (const std::exception& error)
    {
        std::cerr << "error: " << error.what() << std::endl;
    }
    return 1;
}
