import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./api/client.ts";
import { keepWayOn } from "./api/way-on.ts";
import { App } from "./app.tsx";
import { LanguageProvider } from "./words/language.tsx";
import "./styles/base.css";
import "./styles/parts.css";

keepWayOn();
const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <LanguageProvider>
          <App />
        </LanguageProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
