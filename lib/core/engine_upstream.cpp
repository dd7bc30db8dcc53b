#include "core/engine.hpp"

/// The part of the engine that listens to an upstream and speaks there.
namespace solicitd {

void Engine::on(const GroupReported& /*event*/, Turn /*turn*/) {}
void Engine::on(const QueryHeard& /*event*/, Turn /*turn*/) {}
void Engine::on(const NeighborAsked& /*event*/, Turn /*turn*/) {}
void Engine::on(const ReportSent& /*event*/, Turn /*turn*/) {}

}  // namespace solicitd
