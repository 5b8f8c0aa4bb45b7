/**
 * @file The look of the site: that of VitePress, with code blocks that break long lines instead of cutting them.
 */
import DefaultTheme from 'vitepress/theme';
import './style.css';

export default DefaultTheme;
