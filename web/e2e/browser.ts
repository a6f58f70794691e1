// Debian's Chromium, without the parts of it that talk to anybody else.

import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function launch(): Promise<Browser> {
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is missing: scripts/setup installs it (Debian's package chromium), or CHROMIUM names another`);
  }
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
}

export const phone = { width: 390, height: 844 };
export const desk = { width: 1280, height: 800 };

export interface Look {
  viewport: { width: number; height: number };
  colorScheme: "light" | "dark";
  isMobile?: boolean;
  hasTouch?: boolean;
  timezoneId?: string;
}

export const looks: Record<string, Look> = {
  "phone-light": { viewport: phone, colorScheme: "light", isMobile: true, hasTouch: true },
  "phone-dark": { viewport: phone, colorScheme: "dark", isMobile: true, hasTouch: true },
  "desk-light": { viewport: desk, colorScheme: "light" },
  "desk-dark": { viewport: desk, colorScheme: "dark" },
};

const drawing = (colours: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400"><defs><linearGradient id="s" x1="0" y1="0" x2="0" y2="1">${colours}</linearGradient></defs><rect width="640" height="400" fill="url(#s)"/><circle cx="470" cy="120" r="46" fill="#fff6d8" opacity=".9"/><path d="M0 300 150 190l90 70 120-110 140 120 140-60v190H0z" fill="#24404a"/><path d="M0 340 180 270l130 50 160-70 170 70v80H0z" fill="#162b33"/></svg>`;

/** context is a browser without a past. Pictures of the networks are drawn here: there is no network. */
export async function context(browser: Browser, look: Partial<Look> = {}): Promise<BrowserContext> {
  const c = await browser.newContext({ viewport: desk, locale: "en-GB", timezoneId: "Europe/Berlin", ...look });
  await c.route(/^https:/, (route) => {
    if (!route.request().url().includes("img.example")) return route.abort();
    return route.fulfill({ contentType: "image/svg+xml", body: drawing('<stop stop-color="#f3a683"/><stop offset="1" stop-color="#a5d8dd"/>') });
  });
  return c;
}

/** errors collects what the page complains of, beside what others did: failed scripts, and what its policy refused. */
export function errors(page: Page, all: string[] = []): string[] {
  page.on("pageerror", (error) => all.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource|net::ERR/.test(message.text())) all.push(message.text());
  });
  return all;
}
