import { type Client, createClient } from "./client.ts";
import { createRecorder } from "./crossings.ts";
import { createHttpProxy, type HttpProxy } from "./http-proxy.ts";
import { createPostgresProxy, type PostgresProxy } from "./postgres-proxy.ts";
import { type Stack, type StackOptions, startStack } from "./stack.ts";

/** Both servers, and proxies that show what passes between them and, if asked for, between them and their databases. */
export interface ProxiedStack extends Stack {
  client: Client;
  recorder: ReturnType<typeof createRecorder>;
  proxies: { toAuth: HttpProxy; toApp: HttpProxy };
  /** Resolves when no call between the servers is under way. */
  settle(): Promise<void>;
}

export async function startProxiedStack(
  options: Omit<StackOptions, "between"> & { watchDatabases?: true } = {},
): Promise<ProxiedStack> {
  const recorder = createRecorder();
  const opened: (HttpProxy | PostgresProxy)[] = [];
  const proxies = {} as ProxiedStack["proxies"];
  const stack = await startStack({
    ...options,
    between: async (ways) => {
      proxies.toAuth = await createHttpProxy("app → auth", ways.authPrivate, recorder.pass);
      proxies.toApp = await createHttpProxy("auth → app", ways.appPrivate, recorder.pass);
      opened.push(proxies.toAuth, proxies.toApp);
      const between = { authPrivate: proxies.toAuth.url, appPrivate: proxies.toApp.url };
      if (!options.watchDatabases) return between;
      const authDatabase = await createPostgresProxy("auth → database", ways.authDatabase, recorder.pass);
      const appDatabase = await createPostgresProxy("app → database", ways.appDatabase, recorder.pass);
      opened.push(authDatabase, appDatabase);
      return { ...between, authDatabase: authDatabase.url, appDatabase: appDatabase.url };
    },
  });
  return {
    ...stack,
    client: createClient(stack),
    recorder,
    proxies,
    settle: async () => {
      await Promise.all([proxies.toAuth.settle(), proxies.toApp.settle()]);
    },
    stop: async () => {
      recorder.reset();
      await stack.stop();
      await Promise.all(opened.map((proxy) => proxy.close()));
    },
  };
}
