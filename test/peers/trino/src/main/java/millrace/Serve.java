package millrace;

import io.trino.plugin.memory.MemoryPlugin;
import io.trino.testing.DistributedQueryRunner;
import io.trino.testing.TestingSession;
import java.util.Map;

/** A Trino server in one process with one catalog in memory, spoken to over HTTP on the loopback address. Says where once it listens. */
public final class Serve {
  public static void main(String[] arguments) throws Exception {
    DistributedQueryRunner runner =
        DistributedQueryRunner.builder(
                TestingSession.testSessionBuilder().setCatalog("td-presto").setSchema("default").build())
            .setNodeCount(1)
            .build();
    runner.installPlugin(new MemoryPlugin());
    runner.createCatalog("td-presto", "memory", Map.of("memory.max-data-per-node", "2GB"));
    System.out.println("listening on " + runner.getCoordinator().getBaseUrl());
    Thread.currentThread().join();
  }
}
