import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export.
export default defineConfig({
  test: {
    include: ["{shared,auth-server,app-server}/test/**/*.test.ts"],
    globalSetup: ["shared/testing/global-setup.ts"],
    setupFiles: ["shared/testing/fail-on-console-error.ts", "shared/testing/patient-timeouts.ts"],
    // What is waited for comes in its time; Vitest would look for one second, whatever else the machine does.
    expect: { poll: { timeout: 10_000 } },
    // Files share what they import. They also wait for processes and clocks, so that three keep two cores busy.
    isolate: false,
    maxWorkers: 3,
  },
});
