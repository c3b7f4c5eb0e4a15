// mixlab's TCP simulator: ns-3's own TCP stack, queue disciplines and point-to-point links, with paths given by the scenario.
//
//   mixlab-ns3-tcp batch     read a scenario (scenario.h) from standard input, simulate, print results (session.h, batch)
//   mixlab-ns3-tcp version   print how it was built
//
// Standard input is the caller's lifeline (lifeline.h). Exit status: 0 complete, 1 error (message on standard error), 3 the caller
// is gone.
#include "kernel.h"
#include "lifeline.h"
#include "network.h"

#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace
{

int
Simulate()
{
    mixlab::WatchCaller();
    const mixlab::Scenario scenario = mixlab::ReadScenario(std::cin);
    if (!scenario.transport.IsTcp())
    {
        throw std::runtime_error("scenario: expected a TCP congestion control, found one of the RDMA transport");
    }
    const mixlab::Partition partition(scenario);
    mixlab::Kernel kernel(scenario, partition, 1);
    mixlab::Network network(scenario, kernel, std::cout);
    network.Run();
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
            std::cout << "mixlab-ns3-tcp 1 " << mixlab::BuildKind() << std::endl;
            return 0;
        }
        if (mode == "batch" && argc == 2)
        {
            return Simulate();
        }
        std::cerr << "usage: mixlab-ns3-tcp batch|version" << std::endl;
    }
    catch (const std::exception& error)
    {
        std::cerr << "error: " << error.what() << std::endl;
    }
    return 1;
}
