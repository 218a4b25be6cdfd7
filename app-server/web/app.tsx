import { Route, Switch, useLocation } from "wouter";
import { ErrorBoundary } from "./ui/error-boundary.tsx";
import { fetchedPage } from "./ui/fetched-page.tsx";
import { NotFound } from "./ui/page.tsx";
import { Shell } from "./ui/shell.tsx";
import { HomePage } from "./visit/home.tsx";
import { LoginPage } from "./visit/login.tsx";
import { RegisterPage } from "./visit/register.tsx";
import { SignupPage } from "./visit/signup.tsx";

// What few visitors need is fetched by those who do.
const RecoverPage = fetchedPage(() => import("./visit/recover.tsx").then((page) => page.RecoverPage));
const SetupPage = fetchedPage(() => import("./visit/setup.tsx").then((page) => page.SetupPage));
const AccountPage = fetchedPage(() => import("./account/account-page.tsx").then((page) => page.AccountPage));
const AdminPages = fetchedPage(() => import("./admin/admin-pages.tsx").then((page) => page.AdminPages));

export function App() {
  const [place] = useLocation();
  return (
    <Shell>
      <ErrorBoundary place={place}>
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
