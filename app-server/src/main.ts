import { runProcess } from "@anteroom/shared/runtime/process";
import { startAppServer } from "./server.ts";

await runProcess(() => startAppServer(process.env));
