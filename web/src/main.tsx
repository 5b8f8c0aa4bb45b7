/** @file The page of the dashboard: starts it. */
import { render } from 'preact';
import { App } from './app.tsx';
import { followRoute } from './state.ts';
import './style.css';

followRoute();
render(<App />, document.getElementById('page') as HTMLElement);
