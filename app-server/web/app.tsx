import { Route, Switch } from "wouter";
import { ErrorBoundary } from "./components/error-boundary.tsx";
import { fetchedPage } from "./components/fetched-page.tsx";
import { NotFound } from "./components/page.tsx";
import { Shell } from "./components/shell.tsx";
import { HomePage } from "./pages/home.tsx";
import { LoginPage } from "./pages/login.tsx";
import { RegisterPage } from "./pages/register.tsx";
import { SignupPage } from "./pages/signup.tsx";

// What few visitors need is fetched by those who do.
const RecoverPage = fetchedPage(() => import("./pages/recover.tsx").then((page) => page.RecoverPage));
const SetupPage = fetchedPage(() => import("./pages/setup.tsx").then((page) => page.SetupPage));
const AccountPage = fetchedPage(() => import("./pages/account.tsx").then((page) => page.AccountPage));
const AdminPages = fetchedPage(() => import("./pages/admin.tsx").then((page) => page.AdminPages));

export function App() {
  return (
    <Shell>
      <ErrorBoundary>
        <Switch>
          <Route path="/" component={HomePage} />
          <Route path="/account/register" component={RegisterPage} />
          <Route path="/account/signup" component={SignupPage} />
          <Route path="/account/login" component={LoginPage} />
          <Route path="/account/recover" component={RecoverPage} />
          <Route path="/setup" component={SetupPage} />
          <Route path="/account" component={AccountPage} />
          <Route path="/admin/*?" component={AdminPages} />
          <Route component={NotFound} />
        </Switch>
      </ErrorBoundary>
    </Shell>
  );
}
